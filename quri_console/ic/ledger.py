"""The cycles ledger (um5iw-rqaaa-aaaaq-qaaba-cai): balances, and top-ups and new canisters paid from them.

`withdraw` and `create_canister` move cycles: only `effects` may send what they make. Amounts are in cycles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from quri_console.errors import QuriError
from quri_console.ic.encoding.candid import MalformedCandid, Types, encode
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.interface import SETTINGS
from quri_console.ic.management.settings_argument import settings_argument
from quri_console.ic.prepared import PreparedCall
from quri_console.ic.reply import answer, case_of, fields, natural, principal

if TYPE_CHECKING:
    from quri_console.ic.agent import Agent
    from quri_console.ic.management.types import SettingsChange

CYCLES_LEDGER = Principal.from_str("um5iw-rqaaa-aaaaq-qaaba-cai")
WITHDRAWAL_FEE_CYCLES = 100_000_000
CREATION_FEE_CYCLES = 500_000_000_000
"""What the network takes from the cycles of a new canister, on a subnet of 13 nodes."""

_BLOB = Types.Vec(Types.Nat8)
_ACCOUNT = Types.Record({"owner": Types.Principal, "subaccount": Types.Opt(_BLOB)})
_WITHDRAW = Types.Record(
    {
        "amount": Types.Nat,
        "from_subaccount": Types.Opt(_BLOB),
        "to": Types.Principal,
        "created_at_time": Types.Opt(Types.Nat64),
    }
)
_CREATE = Types.Record(
    {
        "from_subaccount": Types.Opt(_BLOB),
        "created_at_time": Types.Opt(Types.Nat64),
        "amount": Types.Nat,
        "creation_args": Types.Opt(
            Types.Record(
                {
                    "settings": Types.Opt(SETTINGS),
                    "subnet_selection": Types.Opt(Types.Variant({"Subnet": Types.Record({"subnet": Types.Principal})})),
                }
            )
        ),
    }
)
_REFUSALS = (
    "GenericError",
    "TemporarilyUnavailable",
    "FailedToWithdraw",
    "FailedToCreate",
    "Duplicate",
    "BadFee",
    "InvalidReceiver",
    "CreatedInFuture",
    "TooOld",
    "InsufficientFunds",
)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Cycles that went to a canister. `duplicate`: the ledger had done it already when it was asked again."""

    block_index: int
    duplicate: bool = False


class LedgerRefused(QuriError):
    """The ledger said no in its answer. `kind` is its own name for the reason."""

    asked: ClassVar[str] = "request"

    def __init__(self, kind: str, why: str, next_step: str = "") -> None:
        super().__init__(f"The cycles ledger refused the {self.asked}", why=why, next_step=next_step)
        self.kind = kind


class WithdrawalRefused(LedgerRefused):
    """The ledger moved nothing, but for a fee where its `kind` is FailedToWithdraw."""

    asked: ClassVar[str] = "withdrawal"


class CreationRefused(LedgerRefused):
    """The ledger created no canister; a fee may be lost."""

    asked: ClassVar[str] = "creation of a canister"


@dataclass(frozen=True, slots=True)
class Creation:
    """A canister that was paid for. `duplicate`: it was there already when the ledger was asked again."""

    canister: Principal
    block_index: int
    duplicate: bool = False


async def balance_of(agent: Agent, owner: Principal, subaccount: bytes | None = None) -> int:
    """Cycles of an account, by a query."""
    account = {"owner": owner, "subaccount": [] if subaccount is None else [subaccount]}
    reply = await agent.query(CYCLES_LEDGER, "icrc1_balance_of", encode([_ACCOUNT], [account]))
    return natural(answer(reply), "the balance")


def withdraw(
    to: Principal, amount: int, *, created_at_ns: int | None = None, from_subaccount: bytes | None = None
) -> PreparedCall[Withdrawal]:
    """Send `amount` cycles to a canister, for a fee of 100 M; decoding raises WithdrawalRefused.

    With `created_at_ns` the ledger recognises a second withdrawal with the same fields for a day and answers
    Duplicate, so that the call may be repeated safely; without it each one counts.
    """
    argument = {
        "amount": amount,
        "from_subaccount": [] if from_subaccount is None else [from_subaccount],
        "to": to,
        "created_at_time": [] if created_at_ns is None else [created_at_ns],
    }
    return PreparedCall(
        "withdraw", encode([_WITHDRAW], [argument]), CYCLES_LEDGER, _decode_withdrawal, canister=CYCLES_LEDGER
    )


def create_canister(
    amount: int,
    *,
    created_at_ns: int,
    settings: SettingsChange | None = None,
    subnet: Principal | None = None,
    from_subaccount: bytes | None = None,
) -> PreparedCall[Creation]:
    """Make a canister with `amount` cycles, less the network's fee; decoding raises CreationRefused.

    `created_at_ns` as for `withdraw`: asked again with the same one, the ledger names the canister that it made.
    """
    selection = [] if subnet is None else [{"Subnet": {"subnet": subnet}}]
    chosen = [] if settings is None else [settings_argument(settings)]
    argument = {
        "amount": amount,
        "from_subaccount": [] if from_subaccount is None else [from_subaccount],
        "created_at_time": [created_at_ns],
        "creation_args": [{"settings": chosen, "subnet_selection": selection}],
    }
    return PreparedCall(
        "create_canister", encode([_CREATE], [argument]), CYCLES_LEDGER, _decode_creation, canister=CYCLES_LEDGER
    )


def _decode_creation(reply: bytes) -> Creation:
    result, content = case_of(answer(reply), ("Ok", "Err"))
    if result == "Ok":
        return Creation(fields(content).principal("canister_id"), fields(content).natural("block_id"))
    if result is None:
        raise MalformedCandid("it is neither Ok nor Err")
    kind, details = case_of(content, _REFUSALS)
    if kind == "Duplicate" and fields(details).optional("canister_id") is not None:
        known = principal(fields(details).optional("canister_id"))
        return Creation(known, fields(details).natural("duplicate_of"), duplicate=True)
    raise _refusal(kind, details, CreationRefused)


def _decode_withdrawal(reply: bytes) -> Withdrawal:
    result, content = case_of(answer(reply), ("Ok", "Err"))
    if result == "Ok":
        return Withdrawal(natural(content, "the block index"))
    if result is None:
        raise MalformedCandid("it is neither Ok nor Err")
    kind, details = case_of(content, _REFUSALS)
    if kind == "Duplicate":
        return Withdrawal(fields(details).natural("duplicate_of"), duplicate=True)
    raise _refusal(kind, details)


_FIXED_REASONS = {
    "TemporarilyUnavailable": ("it is not available at the moment", "Try again in a minute."),
    "TooOld": ("the time of the request is too long ago", "Check this machine's clock."),
    "CreatedInFuture": ("the time of the request is in the future", "Check this machine's clock."),
}


def _refusal(kind: str | None, details: Any, refusal: type[LedgerRefused] = WithdrawalRefused) -> LedgerRefused:
    why, next_step = _FIXED_REASONS.get(kind or "", ("for a reason that this version does not know", ""))
    match kind:
        case "InsufficientFunds":
            why = f"its balance is {fields(details).natural('balance'):,} cycles"
            next_step = "Put cycles on the ledger for this identity, or withdraw less."
        case "BadFee":
            why = f"its fee is {fields(details).natural('expected_fee'):,} cycles"
        case "FailedToWithdraw":
            why = fields(details).text("rejection_reason")
            next_step = "Check the canister's id; the fee is lost."
        case "FailedToCreate":
            why = fields(details).text("error")
            next_step = "The ledger gave the cycles back, less its fee."
        case "Duplicate":
            why = f"block {fields(details).natural('duplicate_of')} was for the same, and its canister is not told"
            next_step = "Look at that block of the ledger before anything is paid again."
        case "InvalidReceiver":
            why = f"{fields(details).principal('receiver').to_str()} cannot receive cycles"
        case "GenericError":
            why = fields(details).text("message")
    return refusal(kind or "unknown", why, next_step)
