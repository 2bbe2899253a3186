"""Moving cycles of the cycles ledger; a lost reply never pays twice, because the same request is known to the ledger.

The ledger knows a request by its `created_at_time` for a day: sent again, it answers Duplicate and moves nothing.
"""

from __future__ import annotations

from typing import TypeVar

from quri_console.effects.attempt import EffectUndecided, PlannedEffect
from quri_console.effects.calls import CREATE_CANISTER, WITHDRAW, EffectKind
from quri_console.effects.perform import Effects
from quri_console.effects.replay import DONE, Attempt, attempts
from quri_console.ic import ledger
from quri_console.ic.encoding.principal import Principal, parse_principal
from quri_console.ic.ledger import CYCLES_LEDGER, Creation, LedgerRefused, Withdrawal
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.prepared import PreparedCall

T = TypeVar("T")


async def top_up(
    effects: Effects, canister: Principal, amount: int, *, created_at_ns: int, from_subaccount: bytes | None = None
) -> Withdrawal:
    """Send `amount` cycles to a canister, once for each `created_at_ns` (nanoseconds since 1970).

    Raises WithdrawalRefused, EffectUndecided, NetworkError, Cancelled.
    """
    effects.checkpoint()
    details: dict[str, object] = {"cycles": amount, "created_at_ns": created_at_ns}
    if (done := _done_before(effects, WITHDRAW, created_at_ns)) is not None:
        return Withdrawal(int(done.result["block"]), duplicate=True)
    call = ledger.withdraw(canister, amount, created_at_ns=created_at_ns, from_subaccount=from_subaccount)
    return await _pay(effects, PlannedEffect(WITHDRAW, canister, details), call)


async def create_canister(
    effects: Effects,
    amount: int,
    *,
    created_at_ns: int,
    settings: SettingsChange | None = None,
    subnet: Principal | None = None,
    from_subaccount: bytes | None = None,
) -> Creation:
    """Make a canister with `amount` cycles, less the network's fee, once for each `created_at_ns`.

    Raises CreationRefused, EffectUndecided, NetworkError, Cancelled.
    """
    effects.checkpoint()
    details: dict[str, object] = {"cycles": amount, "created_at_ns": created_at_ns}
    if (done := _done_before(effects, CREATE_CANISTER, created_at_ns)) is not None:
        return Creation(parse_principal(done.result["canister"]), int(done.result["block"]), duplicate=True)
    call = ledger.create_canister(
        amount, created_at_ns=created_at_ns, settings=settings, subnet=subnet, from_subaccount=from_subaccount
    )
    return await _pay(effects, PlannedEffect(CREATE_CANISTER, CYCLES_LEDGER, details), call)


def _done_before(effects: Effects, kind: EffectKind, created_at_ns: int) -> Attempt | None:
    """This payment, where the journal says that it was made: the ledger remembers it for a day only."""
    made = attempts(effects.journal.records, kind)
    return next((a for a in made if a.outcome == DONE and a.fields["created_at_ns"] == created_at_ns), None)


async def _pay(effects: Effects, effect: PlannedEffect, call: PreparedCall[T]) -> T:
    paid_perhaps = _may_have_happened(effects, effect.kind)
    try:
        return await effects.attempts.run(effect, call, result=_result)
    except LedgerRefused as refusal:
        if refusal.kind != "TooOld" or not (paid_perhaps or _may_have_happened(effects, effect.kind)):
            raise
        raise EffectUndecided(
            f"it is not known whether the ledger did `{effect.kind.name}`",
            why="it was asked more than a day ago, and it does not remember requests for longer",
            next_step="Compare the balances of the ledger and of the canister, then make a new plan if need be.",
        ) from refusal


def _may_have_happened(effects: Effects, kind: EffectKind) -> bool:
    return any(attempt.may_have_happened for attempt in attempts(effects.journal.records, kind))


def _result(paid: object) -> dict[str, object]:
    match paid:
        case Withdrawal(block, duplicate):
            return {"block": block, "duplicate": duplicate}
        case Creation(canister, block, duplicate):
            return {"canister": canister.to_str(), "block": block, "duplicate": duplicate}
    raise AssertionError(f"{paid!r} is no answer of the ledger")
