"""What a resumed operation does first: canisters run again, and open effects are settled."""

from __future__ import annotations

import base64

from quri_console.effects.attempt import STATUS_KEPT_NS, PlannedEffect
from quri_console.effects.calls import LOAD_SNAPSHOT, STOP, TAKE_SNAPSHOT, UPLOAD_METADATA, Resolution
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
    if attempt.kind is LOAD_SNAPSHOT or attempt.kind.resolution in (Resolution.READ_BACK, Resolution.MODULE_HASH):
        return await _settle_by_status(effects, attempt)
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


async def _settle_by_status(effects: Effects, attempt: Attempt) -> str:
    """What must not be sent again here: after a load the canister runs by now, and what it wrote would be lost.

    Settings and modules are looked at by whoever would send them anew.
    """
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
    request = attempt.fields["request"]
    if attempt.kind.keeps_request:
        return SignedCall.from_json(request)
    # its envelope is not in the journal: enough to ask for its status
    return SignedCall(
        request_id=bytes.fromhex(request["request_id"]),
        canister=parse_principal(request["canister"]),
        effective_canister=parse_principal(request["effective_canister"]),
        method=request["method"],
        sender=parse_principal(request["sender"]),
        ingress_expiry_ns=request["ingress_expiry_ns"],
        envelope=b"",
        status_expiry_ns=request["status_expiry_ns"],
        status_envelope=base64.b64decode(request["status_envelope"]),
    )
