"""The dangerous middle of restore and rollback: stop → safety snapshot → load → check → start."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from quri_console.clock import Clock
from quri_console.effects.calls import LOAD_SNAPSHOT, TAKE_SNAPSHOT
from quri_console.effects.perform import Effects
from quri_console.effects.replay import DONE, UNKNOWN, attempts, left_stopped, snapshots_made
from quri_console.errors import QuriError
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.read import canister_status
from quri_console.ic.management.types import CanisterStatus
from quri_console.progress import Progress, ProgressEvent

STOPPED_PATIENCE_SECONDS = 60.0
OLD_STATE, NEW_STATE, UNKNOWN_STATE = "its old state", "the restored state", "either its old or the restored state"


@dataclass(frozen=True, slots=True)
class SwapTarget:
    """Which snapshot takes the place of the state, and what a stopped canister must show then (None: not known)."""

    canister: Principal
    name: str
    snapshot_id: bytes
    module_hash: bytes | None
    heap_bytes: int
    stable_bytes: int
    stop_timeout_seconds: float
    safety_snapshot: bool = True


@dataclass(frozen=True, slots=True)
class SwapReport:
    """What was done; `downtime_seconds` from the stop request to the answer of start, 0 when it did not run."""

    safety_snapshot: bytes | None
    downtime_seconds: float
    status: str


class RestoreFailed(QuriError):
    """A restore that did not succeed; says in which state the canister is. `result` goes into the outcome."""

    def __init__(
        self,
        cause: QuriError,
        what: str,
        state: str,
        *,
        next_step: str = "",
        result: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(
            f"{what}: {cause.what}",
            why=". ".join(part for part in (cause.why, state) if part),
            next_step=next_step or cause.next_step,
            exit_code=cause.exit_code,
        )
        self.result = dict(result or {})


class NotAsRestored(QuriError):
    """The canister does not show what the loaded snapshot must give."""


@dataclass(slots=True)
class Swap:
    """One exchange of a canister's state; goes on where the journal says that an earlier process stopped."""

    effects: Effects
    target: SwapTarget
    clock: Clock
    progress: Progress
    _stopped_at: float | None = field(default=None, init=False)

    async def run(self) -> SwapReport:
        """Exchange the state. Raises StopTimedOut before anything was changed, else RestoreFailed."""
        if self._loaded():
            return SwapReport(self._safety_of_journal(), 0.0, await self._status_word())
        self._report("stop")
        self._stopped_at = self.clock.monotonic()
        await self.effects.stop_canister(self.target.canister, timeout_seconds=self.target.stop_timeout_seconds)
        try:
            safety = await self._exchange()
        except QuriError as error:
            raise await self._undone(error) from error
        except BaseException:
            await self.effects.bring_back(self.target.canister)
            raise
        await self._start()
        return SwapReport(safety, self._downtime(), await self._status_word())

    def _loaded(self) -> bool:
        loads = [a for a in attempts(self.effects.journal.records, LOAD_SNAPSHOT) if a.outcome == DONE]
        return bool(loads) and loads[-1].snapshot_id == self.target.snapshot_id

    def _safety_of_journal(self) -> bytes | None:
        made = snapshots_made(self.effects.journal.records, TAKE_SNAPSHOT)
        return made[-1] if made else None

    async def _exchange(self) -> bytes | None:
        safety = await self._take_safety() if self.target.safety_snapshot else None
        self._report("load")
        await self.effects.load_snapshot(
            self.target.canister, self.target.snapshot_id, patience_seconds=self._patience()
        )
        self._report("check")
        try:
            self._check(await canister_status(self.effects.agent, self.target.canister))
        except NotAsRestored:
            if safety is not None:
                await self.effects.load_snapshot(self.target.canister, safety)
            raise
        return safety

    async def _take_safety(self) -> bytes:
        """A picture of what is about to be replaced; an earlier one of this operation is outdated and replaced.

        It is kept beside the new one when a load may already have happened: then only it has the old state.
        """
        self._report("safety snapshot")
        earlier = self._safety_of_journal()
        loads = attempts(self.effects.journal.records, LOAD_SNAPSHOT)
        keep = any(load.outcome in (DONE, UNKNOWN, None) for load in loads)
        snapshot = await self.effects.take_snapshot(
            self.target.canister, replace=None if keep else earlier, patience_seconds=self._patience()
        )
        return snapshot.id

    def _patience(self) -> float:
        """How long a rate limit may keep the canister down that ran before."""
        return STOPPED_PATIENCE_SECONDS if self.effects.status_before(self.target.canister) == "running" else math.inf

    def _check(self, status: CanisterStatus) -> None:
        metrics = status.memory_metrics
        pairs = (
            ("module", self.target.module_hash, status.module_hash),
            ("heap size", self.target.heap_bytes, metrics.wasm_memory_size),
            ("stable memory size", self.target.stable_bytes, metrics.stable_memory_size),
        )
        wrong = [name for name, wanted, found in pairs if None not in (wanted, found) and wanted != found]
        if wrong:
            raise NotAsRestored(
                f"{self.target.name} shows another {', '.join(wrong)} than the snapshot that was loaded",
                next_step="Verify the backup; the network's own words are in the operation's log.",
            )

    async def _start(self) -> None:
        self._report("start")
        try:
            await self.effects.bring_back(self.target.canister)
        except QuriError as error:
            raise RestoreFailed(
                error,
                f"{self.target.name} was restored but could not be started",
                "it has the restored state and is stopped",
                next_step=self._start_by_hand(),
                result=self._result(NEW_STATE),
            ) from error

    async def _undone(self, cause: QuriError) -> RestoreFailed:
        """Give the canister its status back, and word the failure with the state that it is in."""
        state = self._state()
        try:
            await self.effects.bring_back(self.target.canister)
        except QuriError as error:
            sentence = f"it has {state} and is stopped, because it could not be started: {error}"
            next_step = self._start_by_hand()
        else:
            sentence = f"the canister has {state} and is {self.effects.status_before(self.target.canister)} as before"
            next_step = ""
        return RestoreFailed(
            cause, f"{self.target.name} was not restored", sentence, next_step=next_step, result=self._result(state)
        )

    def _state(self) -> str:
        loads = attempts(self.effects.journal.records, LOAD_SNAPSHOT)
        settled = [load for load in loads if load.may_have_happened]
        if not settled or settled[-1].snapshot_id != self.target.snapshot_id:
            return OLD_STATE
        return NEW_STATE if settled[-1].outcome == DONE else UNKNOWN_STATE

    def _start_by_hand(self) -> str:
        return (
            f"A child process goes on trying to start it for some minutes; then start it yourself: "
            f"icp canister start {self.target.canister.to_str()}"
        )

    def _result(self, state: str) -> dict[str, object]:
        safety = self._safety_of_journal()
        return {
            "state": state,
            "safety_snapshot": None if safety is None else safety.hex(),
            "left_stopped": self.target.canister.to_str() in left_stopped(self.effects.journal.records),
        }

    async def _status_word(self) -> str:
        return (await canister_status(self.effects.agent, self.target.canister)).status

    def _downtime(self) -> float:
        ran = self.effects.status_before(self.target.canister) == "running"
        return self.clock.monotonic() - self._stopped_at if ran and self._stopped_at is not None else 0.0

    def _report(self, phase: str) -> None:
        self.progress.report(ProgressEvent(phase, subject=self.target.name))
