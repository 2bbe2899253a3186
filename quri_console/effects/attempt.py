"""One effect at a time: intent to the journal, send, and decide what happened when the reply is lost."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from quri_console.clock import NANOSECONDS_PER_SECOND, Clock
from quri_console.effects.calls import UPLOAD_CHUNK, UPLOAD_SLICE, EffectKind, Resolution
from quri_console.effects.journal import Journal
from quri_console.effects.replay import DONE, INTENT, NOT_EXECUTED, OUTCOME, REJECTED, UNKNOWN
from quri_console.errors import NetworkError, QuriError
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.envelope import INGRESS_SECONDS, SignedCall
from quri_console.ic.ledger import LedgerRefused
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.management.types import Snapshot
from quri_console.ic.outcome import CallNotExecuted, CallUndecided, RequestStatus
from quri_console.ic.prepared import PreparedCall
from quri_console.ic.rejection import Rejected

T = TypeVar("T")

# CanisterHeapDeltaRateLimited: the network asks for patience (about 10 minutes at worst)
SETTLED = ("replied", "rejected", "done")
RATE_LIMITED = "IC0210"
RATE_LIMIT_DELAYS_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0, 60.0, 120.0, 120.0, 180.0)
SENT_ANEW_AT_MOST = 3
# The network remembers what became of a request for at least this long after it expired.
STATUS_KEPT_NS = 240 * NANOSECONDS_PER_SECOND


class EffectUndecided(QuriError):
    """An effect was sent, and nothing tells whether the network executed it."""


@dataclass(frozen=True, slots=True)
class PlannedEffect:
    """An effect that is about to be attempted; `details` goes into the journal beside the request."""

    kind: EffectKind
    canister: Principal
    details: dict[str, object]


class Attempts:
    """Attempts effects with one agent and records them in one journal."""

    def __init__(self, agent: Agent, journal: Journal, clock: Clock) -> None:
        self.agent = agent
        self.journal = journal
        self.clock = clock
        self._unsynced: set[int] = set()

    async def run(
        self,
        effect: PlannedEffect,
        call: PreparedCall[T],
        *,
        found: Callable[[Snapshot], T] | None = None,
        decide: Callable[[], Awaitable[tuple[T] | None]] | None = None,
        result: Callable[[T], dict[str, object]] | None = None,
        patience_seconds: float = math.inf,
        before: tuple[bytes, ...] | None = None,
    ) -> T:
        """Attempt an effect until the network has answered; waits and tries again while it is rate limited.

        `found` turns a snapshot that turned up after a lost reply into the answer; `decide` looks at the state
        instead, once the request has expired: the answer, or None where it surely was not executed. `result`
        turns the answer into journal fields. A rate limit is waited for at most `patience_seconds`, and for about
        10 minutes. `before`: the canister's snapshots, where somebody has looked a moment ago.
        Raises Rejected, EffectUndecided, NetworkError, StateFolderUnusable.
        """
        waited = 0.0
        for delay in (*RATE_LIMIT_DELAYS_SECONDS, math.inf):
            waited += delay
            try:
                return await self._until_decided(effect, call, found, decide, result or (lambda _: {}), before)
            except Rejected as rejection:
                before = None
                if waited > patience_seconds or delay == math.inf or not is_rate_limit(effect.kind, rejection):
                    raise
            await self.clock.sleep(delay)
        raise AssertionError("the last delay is infinite")

    async def _until_decided(
        self,
        effect: PlannedEffect,
        call: PreparedCall[T],
        found: Callable[[Snapshot], T] | None,
        decide: Callable[[], Awaitable[tuple[T] | None]] | None,
        result: Callable[[T], dict[str, object]],
        seen: tuple[bytes, ...] | None,
    ) -> T:
        by_snapshots = effect.kind.resolution is Resolution.NEW_SNAPSHOT
        for _ in range(SENT_ANEW_AT_MOST):
            before = (seen if seen is not None else await self.snapshot_ids(effect.canister)) if by_snapshots else None
            seen = None
            intent = self.record_intent(effect, signed := self.sign(call), before)
            try:
                answer = self._decoded(call, intent, await self.send(intent, signed, bulk=call.bulk))
            except CallNotExecuted:
                continue
            except CallUndecided:
                late = await self._after_expiry(effect, call, intent, signed)
                if late is None and before is not None:
                    assert found is not None, f"{effect.kind.name} must not be sent anew, and nothing decides about it"
                    snapshot = await self.new_snapshot(effect, before, intent)
                    late = None if snapshot is None else (found(snapshot),)
                elif late is None:
                    late = await self._by_state(effect, intent, decide)
                if late is None:
                    continue
                (answer,) = late
            self.record_outcome(intent, DONE, **result(answer))
            return answer
        raise undecided(effect.kind, effect.canister)

    async def _by_state(
        self, effect: PlannedEffect, intent: int, decide: Callable[[], Awaitable[tuple[T] | None]] | None
    ) -> tuple[T] | None:
        if decide is None:
            assert effect.kind.repeatable, f"{effect.kind.name} must not be sent anew, and nothing decides about it"
            self.record_outcome(intent, UNKNOWN)
            return None
        late = await decide()
        if late is None:
            self.record_outcome(intent, NOT_EXECUTED, decided_by=effect.kind.resolution.value)
        return late

    def _decoded(self, call: PreparedCall[T], intent: int, reply: bytes) -> T:
        """The answer in a reply; a ledger says no in a reply, which is journalled as the rejection that it is."""
        try:
            return call.decode(reply)
        except LedgerRefused as refusal:
            self.record_outcome(intent, REJECTED, code=refusal.kind, message=str(refusal))
            raise

    async def _after_expiry(
        self, effect: PlannedEffect, call: PreparedCall[T], intent: int, signed: SignedCall
    ) -> tuple[T] | None:
        """The late answer of a request that must not be executed after what follows; None when there is none."""
        if not effect.kind.must_expire:
            return None
        status = await self.outlive(signed)
        if status.rejection is not None:
            self.record_rejection(intent, status.rejection)
            raise status.rejection
        return None if status.reply is None else (call.decode(status.reply),)

    def sign(self, call: PreparedCall[T], *, valid_seconds: float = INGRESS_SECONDS) -> SignedCall:
        """The signed request of a call; `valid_seconds` is less where a late execution would harm."""
        return self.agent.sign_update(
            call.canister,
            call.method,
            call.argument,
            effective_canister=call.effective_canister,
            valid_seconds=valid_seconds,
        )

    def record_intent(self, effect: PlannedEffect, signed: SignedCall, before: tuple[bytes, ...] | None = None) -> int:
        """Journal that this request is about to be sent; the number to give with its outcome."""
        fields = {**effect.details, "request": _kept(effect.kind, signed)}
        if before is not None:
            fields["snapshots_before"] = [identifier.hex() for identifier in before]
        # data is sent again without harm, so a line about it may be lost with the machine: the next one waits for both
        synced = effect.kind not in (UPLOAD_SLICE, UPLOAD_CHUNK)
        record = self.journal.append(
            INTENT, sync=synced, effect=effect.kind.name, canister=effect.canister.to_str(), **fields
        )
        if not synced:
            self._unsynced.add(record.sequence)
        return record.sequence

    def record_outcome(self, intent: int, outcome: str, **fields: object) -> None:
        """Journal how an attempt ended."""
        synced = intent not in self._unsynced
        self._unsynced.discard(intent)
        self.journal.append(OUTCOME, sync=synced, intent=intent, outcome=outcome, **fields)

    async def send(self, intent: int, signed: SignedCall, *, bulk: bool = False, sent_before: bool = False) -> bytes:
        """Send a journalled request; a rejection, or that it surely was not executed, is journalled and raised."""
        try:
            return await self.agent.send(signed, bulk=bulk, sent_before=sent_before)
        except Rejected as rejection:
            self.record_rejection(intent, rejection)
            raise
        except CallUndecided:
            raise
        except NetworkError as error:
            self.record_outcome(intent, NOT_EXECUTED, why=str(error))
            raise

    def record_rejection(self, intent: int, rejection: Rejected) -> None:
        """Journal that the network said no."""
        self.record_outcome(intent, REJECTED, code=rejection.error_code, message=rejection.message)

    async def snapshot_ids(self, canister: Principal) -> tuple[bytes, ...]:
        """The snapshots that the canister has now."""
        return tuple(snapshot.id for snapshot in await list_canister_snapshots(self.agent, canister))

    async def new_snapshot(self, effect: PlannedEffect, before: tuple[bytes, ...], intent: int) -> Snapshot | None:
        """The one snapshot that was not there before, which is ours; None (journalled) when there is none.

        To be asked only once the request has expired. Raises EffectUndecided for more than one.
        """
        present = await list_canister_snapshots(self.agent, effect.canister)
        new = [snapshot for snapshot in present if snapshot.id not in before]
        if len(new) > 1:
            raise undecided(
                effect.kind,
                effect.canister,
                f"{len(new)} new snapshots exist: {', '.join(snapshot.id.hex() for snapshot in new)}",
            )
        if not new:
            self.record_outcome(intent, NOT_EXECUTED, decided_by="snapshot ids")
            return None
        return new[0]

    async def outlive(self, signed: SignedCall) -> RequestStatus:
        """Wait until a request can have no effect any more: it was answered, or it has expired. Its last status."""
        while True:
            status = await self.agent.request_status(signed)
            if status.state in SETTLED or status.certified_at_ns > signed.ingress_expiry_ns:
                return status
            await self.clock.sleep(1.0)


def _kept(kind: EffectKind, signed: SignedCall) -> dict[str, Any]:
    """What the journal holds of a request: all of it, what its status can be asked by, or its id and end alone."""
    if kind.keeps_request:
        return signed.to_json()
    if not kind.must_expire:
        return {"request_id": signed.request_id.hex(), "ingress_expiry_ns": signed.ingress_expiry_ns}
    # megabytes, not to be made text of only to be left out
    request = replace(signed, envelope=b"").to_json()
    del request["envelope"]
    return request


def is_rate_limit(kind: EffectKind, rejection: Rejected) -> bool:
    """Whether the network refused only for now; uploads of data say it in the words of IC0504."""
    if rejection.error_code == RATE_LIMITED:
        return True
    return kind in (UPLOAD_SLICE, UPLOAD_CHUNK) and "heap delta rate limited" in rejection.message.lower()


def undecided(kind: EffectKind, canister: Principal, why: str = "") -> EffectUndecided:
    """The failure that stops a run and asks."""
    return EffectUndecided(
        f"it is not known whether `{kind.name}` on {canister.to_str()} was executed",
        why=why or "the network did not answer before the request expired",
        next_step="Check the connection, the canister's status and its snapshots, then run `operations resume`.",
    )
