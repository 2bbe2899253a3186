"""The cycles ledger (um5iw-rqaaa-aaaaq-qaaba-cai): balances, and top-ups paid from them.

`withdraw` moves cycles: only `effects` may send what it makes. Amounts are in cycles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quri_console.errors import QuriError
from quri_console.ic.encoding.candid import MalformedCandid, Types, encode
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.prepared import PreparedCall
from quri_console.ic.reply import answer, case_of, fields, natural

if TYPE_CHECKING:
    from quri_console.ic.agent import Agent

CYCLES_LEDGER = Principal.from_str("um5iw-rqaaa-aaaaq-qaaba-cai")
WITHDRAWAL_FEE_CYCLES = 100_000_000

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
_REFUSALS = (
    "GenericError",
    "TemporarilyUnavailable",
    "FailedToWithdraw",
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


class WithdrawalRefused(QuriError):
    """The ledger moved nothing. `kind` is its own name for the reason."""

    def __init__(self, kind: str, why: str, next_step: str = "") -> None:
        super().__init__("The cycles ledger refused the withdrawal", why=why, next_step=next_step)
        self.kind = kind


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


def _refusal(kind: str | None, details: Any) -> WithdrawalRefused:
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
        case "InvalidReceiver":
            why = f"{fields(details).principal('receiver').to_str()} cannot receive cycles"
        case "GenericError":
            why = fields(details).text("message")
    return WithdrawalRefused(kind or "unknown", why, next_step)
