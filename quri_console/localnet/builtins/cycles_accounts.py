"""Balances and blocks of the cycles ledger, in a form that can be kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SUBACCOUNT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Account:
    """Owner and subaccount; the default subaccount is 32 zero bytes."""

    owner: bytes
    subaccount: bytes

    @classmethod
    def of(cls, owner: bytes, subaccount: Sequence[bytes]) -> Account:
        """From a Candid `opt blob`."""
        return cls(owner, bytes(subaccount[0]) if subaccount else bytes(SUBACCOUNT_BYTES))

    @property
    def is_default(self) -> bool:
        """Whether this is the account that a principal has without asking."""
        return not any(self.subaccount)

    @property
    def text(self) -> str:
        """A key for files."""
        return f"{self.owner.hex()}.{self.subaccount.hex()}"


class CyclesAccounts:
    """Who has how much; blocks are only counted, and remembered where a duplicate could name them."""

    def __init__(self, endowment_cycles: int) -> None:
        self._endowment = endowment_cycles
        self._balances: dict[str, int] = {}
        self._blocks = 0
        self._paid_by: dict[int, str] = {}
        self._duplicates: dict[tuple[str, ...], int] = {}
        self._canisters: dict[int, bytes] = {}

    def balance(self, account: Account) -> int:
        """Cycles of an account; a principal's own begins with the endowment."""
        return self._balances.get(account.text, self._endowment if account.is_default else 0)

    def credit(self, account: Account, amount: int) -> int:
        """Add cycles; returns the block index."""
        self._balances[account.text] = self.balance(account) + amount
        return self._next_block()

    def debit(self, account: Account, amount: int, key: tuple[str, ...] | None) -> int:
        """Take cycles that are there; `key` identifies the transaction should it come again."""
        self._balances[account.text] = self.balance(account) - amount
        block = self._next_block()
        self._paid_by[block] = account.text
        if key is not None:
            self._duplicates[key] = block
        return block

    def refund(self, block: int, amount: int) -> int:
        """Give back what a block took, without its fee; the transaction may then be tried again."""
        self._balances[self._paid_by[block]] += amount
        self._duplicates = {key: known for key, known in self._duplicates.items() if known != block}
        return self._next_block()

    def block_of(self, key: tuple[str, ...]) -> int | None:
        """The block of an earlier transaction with the same key."""
        return self._duplicates.get(key)

    def remember_canister(self, block: int, canister: bytes) -> None:
        """Which canister a block paid for."""
        self._canisters[block] = canister

    def canister_of(self, block: int) -> bytes | None:
        """The canister that a block paid for."""
        return self._canisters.get(block)

    def to_json(self) -> dict[str, Any]:
        """Everything, for a state folder."""
        return {
            "blocks": self._blocks,
            "balances": self._balances,
            "paid_by": self._paid_by,
            "duplicates": [[list(key), block] for key, block in self._duplicates.items()],
            "canisters": {block: canister.hex() for block, canister in self._canisters.items()},
        }

    def load_json(self, state: dict[str, Any]) -> None:
        """Take over what `to_json` gave."""
        self._blocks = int(state["blocks"])
        self._balances = {text: int(balance) for text, balance in state["balances"].items()}
        self._paid_by = {int(block): text for block, text in state["paid_by"].items()}
        self._duplicates = {tuple(key): int(block) for key, block in state["duplicates"]}
        self._canisters = {int(block): bytes.fromhex(text) for block, text in state["canisters"].items()}

    def _next_block(self) -> int:
        self._blocks += 1
        return self._blocks - 1
