"""What a resumed operation does first: canisters run again, and open effects are settled."""

from __future__ import annotations

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.effects.attempt import PlannedEffect
from quri_console.effects.calls import LOAD_SNAPSHOT, STOP, TAKE_SNAPSHOT, UPLOAD_METADATA
from quri_console.effects.perform import Effects
from quri_console.effects.replay import (
    DONE,
    NOT_EXECUTED,
    REJECTED,
    UNKNOWN,
    Attempt,
    attempts,
    left_stopped,
    status_before,
)
from quri_console.effects.stop import cancel_stop
from quri_console.ic.encoding.principal import parse_principal
from quri_console.ic.envelope import SignedCall
from quri_console.ic.management.snapshot_reply import decode_snapshot, decode_uploaded_id
from quri_console.ic.outcome import CallNotExecuted, CallUndecided
from quri_console.ic.rejection import Rejected

# The network remembers what became of a request for at least this long after it expired.
STATUS_KEPT_NS = 240 * NANOSECONDS_PER_SECOND


async def recover(effects: Effects) -> tuple[str, ...]:
    """Start what this operation left stopped, then find out what became of each open effect. Says what it did.

    Raises EffectUndecided when that cannot be told, Rejected, NetworkError.
    """
    records = effects.journal.records
    done = []
    for canister in left_stopped(records):
        if status_before(records, canister) == "running":
            await effects.start_canister(parse_principal(canister))
            done.append(f"started {canister}, which this operation had stopped")
    for attempt in (attempt for attempt in attempts(records) if attempt.open):
        outcome = await _settle(effects, attempt)
        done.append(f"{attempt.kind.name} on {attempt.canister}: {outcome}")
    return tuple(done)


async def _settle(effects: Effects, attempt: Attempt) -> str:
    if attempt.kind in (TAKE_SNAPSHOT, UPLOAD_METADATA):
        return await _settle_snapshot(effects, attempt)
    if attempt.kind is STOP:
        return await _settle_stop(effects, attempt)
    if attempt.kind is LOAD_SNAPSHOT:
        return await _settle_load(effects, attempt)
    effects.attempts.record_outcome(attempt.sequence, UNKNOWN, decided_by="it may be sent anew")
    return UNKNOWN


async def _settle_snapshot(effects: Effects, attempt: Attempt) -> str:
    """Send the same request again, which makes at most one snapshot however often it is sent."""
    call, canister = _call(attempt), parse_principal(attempt.canister)
    decode = _snapshot_id if attempt.kind is TAKE_SNAPSHOT else decode_uploaded_id
    try:
        identifier = decode(await effects.attempts.send(attempt.sequence, call, sent_before=True))
    except Rejected:
        return REJECTED
    except CallNotExecuted:
        return NOT_EXECUTED
    except CallUndecided:
        await effects.attempts.outlive(call)
        before = tuple(bytes.fromhex(text) for text in attempt.fields["snapshots_before"])
        found = await effects.attempts.new_snapshot(PlannedEffect(attempt.kind, canister, {}), before, attempt.sequence)
        if found is None:
            return NOT_EXECUTED
        identifier = found.id
    effects.attempts.record_outcome(attempt.sequence, DONE, snapshot_id=identifier.hex())
    return DONE


def _snapshot_id(reply: bytes) -> bytes:
    return decode_snapshot(reply).id


async def _settle_stop(effects: Effects, attempt: Attempt) -> str:
    """A stop is never sent again here; one that may still be executed is outlived, and the canister runs then."""
    canister = parse_principal(attempt.canister)
    if status_before(effects.journal.records, attempt.canister) == "running":
        await cancel_stop(effects.attempts, canister, _call(attempt), lambda: effects.start_canister(canister))
    effects.attempts.record_outcome(attempt.sequence, UNKNOWN, decided_by="started since")
    return UNKNOWN


async def _settle_load(effects: Effects, attempt: Attempt) -> str:
    """A load is never sent again here: the canister runs by now, and what it wrote since would be lost."""
    call = _call(attempt)
    status = await effects.attempts.outlive(call)
    if status.state == "replied":
        outcome = DONE
    elif status.state == "rejected":
        outcome = REJECTED
    elif status.state == "unknown" and status.certified_at_ns < call.ingress_expiry_ns + STATUS_KEPT_NS:
        outcome = NOT_EXECUTED
    else:
        outcome = UNKNOWN
    effects.attempts.record_outcome(attempt.sequence, outcome, decided_by="certified request status")
    return outcome


def _call(attempt: Attempt) -> SignedCall:
    return SignedCall.from_json(attempt.fields["request"])
