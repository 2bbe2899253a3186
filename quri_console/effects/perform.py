"""The effects of one operation. Each is journalled, with its signed request, before it is attempted."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping

from quri_console.clock import Clock, SystemClock
from quri_console.effects.attempt import Attempts, PlannedEffect
from quri_console.effects.calls import (
    DELETE_SNAPSHOT,
    LOAD_SNAPSHOT,
    START,
    TAKE_SNAPSHOT,
    UPLOAD_CHUNK,
    UPLOAD_METADATA,
    UPLOAD_SLICE,
)
from quri_console.effects.gate import Permit
from quri_console.effects.guard import StartGuard, start_request
from quri_console.effects.journal import Journal
from quri_console.effects.replay import (
    SNAPSHOT_NOT_FOUND,
    STATUS_BEFORE,
    STOPPED_ON_PURPOSE,
    left_stopped,
    status_before,
)
from quri_console.effects.start_guard import StartRequest
from quri_console.effects.stop import stop_within
from quri_console.errors import NetworkError, RefusedBySafetyRule
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change, snapshot_change
from quri_console.ic.management.read import canister_status
from quri_console.ic.management.types import Snapshot, SnapshotBlob, SnapshotMetadata
from quri_console.ic.rejection import Rejected

DEFAULT_STOP_TIMEOUT_SECONDS = 60.0
# The network accepts a request for 5 minutes; a little less, so that clocks may differ.
GUARD_VALID_SECONDS = 290.0
START_PATIENCE_SECONDS = 900.0
START_RETRY_SECONDS = 2.0


class Effects:
    """What one permitted operation does to canisters.

    `checkpoint` is called before each effect that leads further, and raises Cancelled when the
    operator asked to abort; what brings a canister back is never held up by it.
    """

    def __init__(
        self,
        agent: Agent,
        journal: Journal,
        permit: Permit,
        *,
        clock: Clock | None = None,
        checkpoint: Callable[[], None] = lambda: None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        """`names` of canisters by their ids, for what failures say.

        Raises RefusedBySafetyRule when the permit is for another network than the agent's.
        """
        if hashlib.sha256(agent.root_key).digest() != permit.root_key_hash:
            raise RefusedBySafetyRule("the permit is for another network", next_step="Make a new plan there.")
        self.agent = agent
        self.journal = journal
        self.permit = permit
        self.clock = clock or SystemClock()
        self.attempts = Attempts(agent, journal, self.clock)
        self._checkpoint = checkpoint
        self._names = dict(names or {})
        self._guards: dict[Principal, StartGuard] = {}

    def checkpoint(self) -> None:
        """Raise Cancelled when the operator asked to abort."""
        self._checkpoint()

    def called(self, canister: Principal) -> str:
        """A canister as failures name it: with its name, where that is known."""
        identifier = canister.to_str()
        name = self._names.get(identifier)
        return identifier if name is None else f"{name} ({identifier})"

    async def start_canister(self, canister: Principal) -> None:
        """Run again; the start guard is disarmed only once the journal says so.

        Goes on for 15 minutes when the network is gone: a canister that was stopped waits for it.
        Raises Rejected, EffectUndecided, NetworkError.
        """
        give_up_at = self.clock.monotonic() + START_PATIENCE_SECONDS
        while True:
            try:
                await self.attempts.run(PlannedEffect(START, canister, {}), change.start_canister(canister))
                break
            except NetworkError:
                if self.clock.monotonic() > give_up_at:
                    raise
            await self.clock.sleep(START_RETRY_SECONDS)
        await self._disarm(canister)

    async def _disarm(self, canister: Principal) -> None:
        guard = self._guards.pop(canister, None)
        if guard is not None:
            await guard.disarm()

    async def stop_canister(
        self,
        canister: Principal,
        *,
        timeout_seconds: float = DEFAULT_STOP_TIMEOUT_SECONDS,
        leads_back: bool = False,
    ) -> None:
        """Stop, guarded by a child that starts the canister again should this process die.

        `leads_back`: it is done to bring the old state back, so an abort does not hold it up.
        Records the status before (once per operation); a canister that is stopped already is left alone.
        At the deadline start is sent at once and StopTimedOut is raised. Raises RefusedBySafetyRule when
        somebody else is stopping it, GuardUnavailable, Rejected, EffectUndecided.
        """
        if not leads_back:
            self.checkpoint()
        status = (await canister_status(self.agent, canister)).status
        if status_before(self.journal.records, canister.to_str()) is None:
            self.journal.append(STATUS_BEFORE, canister=canister.to_str(), status=status)
        if status == "stopped":
            return
        if status == "stopping":
            raise RefusedBySafetyRule(
                f"{self.called(canister)} is being stopped by somebody else",
                why="this operation could not tell whose stop it is",
                next_step="Wait until it has stopped, or start it, then try again.",
            )
        if canister not in self._guards:
            self._guards[canister] = await StartGuard.arm(lambda: self._guard_request(canister), self.clock)
        try:
            await stop_within(
                self.attempts,
                canister,
                timeout_seconds,
                start=lambda: self.start_canister(canister),
                called=self.called(canister),
            )
        except BaseException:
            if canister.to_str() not in left_stopped(self.journal.records):
                await self._disarm(canister)
            raise

    def _guard_request(self, canister: Principal) -> StartRequest:
        signed = self.attempts.sign(change.start_canister(canister), valid_seconds=GUARD_VALID_SECONDS)
        routes = tuple(
            f"{self.agent.url.rstrip('/')}/api/{version}/canister/{canister.to_str()}/call" for version in ("v3", "v2")
        )
        return start_request(routes, signed.envelope, signed.ingress_expiry_ns)

    def status_before(self, canister: Principal) -> str | None:
        """The status that this operation found; None before it first wanted to stop the canister."""
        return status_before(self.journal.records, canister.to_str())

    async def keep_stopped(self, canister: Principal) -> None:
        """Leave a canister stopped because that is what was asked for; nothing starts it again."""
        await self._disarm(canister)
        self.journal.append(STOPPED_ON_PURPOSE, canister=canister.to_str())

    async def bring_back(self, canister: Principal) -> None:
        """Give a canister the status that it had before: one that was stopped stays stopped."""
        if self.status_before(canister) == "running":
            await self.start_canister(canister)

    async def take_snapshot(
        self,
        canister: Principal,
        *,
        replace: bytes | None = None,
        patience_seconds: float = math.inf,
        purpose: str = "",
        before: tuple[bytes, ...] | None = None,
    ) -> Snapshot:
        """Copy the state on chain; `replace` is deleted once the new one exists. Raises Rejected, EffectUndecided.

        `patience_seconds` bounds the wait for a rate limit, for a canister that stands still meanwhile. `purpose`
        goes into the journal; `before` are the snapshots that were there a moment ago, where somebody looked.
        """
        self.checkpoint()
        details: dict[str, object] = {} if replace is None else {"replaced": replace.hex()}
        if purpose:
            details["purpose"] = purpose
        return await self.attempts.run(
            PlannedEffect(TAKE_SNAPSHOT, canister, details),
            snapshot_change.take_canister_snapshot(canister, replace=replace),
            found=lambda snapshot: snapshot,
            result=lambda snapshot: {"snapshot_id": snapshot.id.hex(), "taken_at_ns": snapshot.taken_at_ns},
            patience_seconds=patience_seconds,
            before=before,
        )

    async def load_snapshot(
        self,
        canister: Principal,
        snapshot_id: bytes,
        *,
        patience_seconds: float = math.inf,
        leads_back: bool = False,
    ) -> None:
        """Put a snapshot in place of the state of a stopped canister; `patience_seconds` as in `take_snapshot`.

        `leads_back`: it brings the old state back, so an abort does not hold it up. Raises Rejected, EffectUndecided.
        """
        if not leads_back:
            self.checkpoint()
        await self.attempts.run(
            PlannedEffect(LOAD_SNAPSHOT, canister, {"snapshot_id": snapshot_id.hex()}),
            snapshot_change.load_canister_snapshot(canister, snapshot_id),
            patience_seconds=patience_seconds,
        )

    async def delete_snapshot(self, canister: Principal, snapshot_id: bytes) -> None:
        """Delete a snapshot from the network; one that is gone already is as good. Raises Rejected, EffectUndecided."""
        try:
            await self.attempts.run(
                PlannedEffect(DELETE_SNAPSHOT, canister, {"snapshot_id": snapshot_id.hex()}),
                snapshot_change.delete_canister_snapshot(canister, snapshot_id),
            )
        except Rejected as rejection:
            if rejection.error_code != SNAPSHOT_NOT_FOUND:
                raise

    async def upload_snapshot_metadata(self, canister: Principal, metadata: SnapshotMetadata) -> bytes:
        """Make a snapshot of these sizes, filled with zeros; its id.

        Raises Rejected, EffectUndecided, UnknownGlobal.
        """
        self.checkpoint()
        return await self.attempts.run(
            PlannedEffect(UPLOAD_METADATA, canister, {}),
            snapshot_change.upload_snapshot_metadata(canister, metadata),
            found=lambda snapshot: snapshot.id,
            result=lambda identifier: {"snapshot_id": identifier.hex()},
        )

    async def upload_snapshot_slice(
        self, canister: Principal, snapshot_id: bytes, blob: SnapshotBlob, offset: int, data: bytes | memoryview
    ) -> None:
        """Write at most 2,000,000 bytes at `offset` of a blob. Raises Rejected, EffectUndecided."""
        self.checkpoint()
        details: dict[str, object] = {
            "snapshot_id": snapshot_id.hex(),
            "blob": blob,
            "offset": offset,
            "size": len(data),
        }
        await self.attempts.run(
            PlannedEffect(UPLOAD_SLICE, canister, details),
            snapshot_change.upload_snapshot_slice(canister, snapshot_id, blob, offset, data),
        )

    async def upload_snapshot_chunk(self, canister: Principal, snapshot_id: bytes, chunk: bytes | memoryview) -> None:
        """Add a chunk of at most 1 MiB to the snapshot's chunk store. Raises Rejected, EffectUndecided."""
        self.checkpoint()
        details: dict[str, object] = {
            "snapshot_id": snapshot_id.hex(),
            "size": len(chunk),
            "sha256": hashlib.sha256(chunk).hexdigest(),
        }
        await self.attempts.run(
            PlannedEffect(UPLOAD_CHUNK, canister, details),
            snapshot_change.upload_snapshot_chunk(canister, snapshot_id, chunk),
        )

    async def aclose(self) -> None:
        """Let go of the guards; one that is still armed starts its canister when this process ends."""
        for guard in self._guards.values():
            await guard.let_go()
        self._guards.clear()
