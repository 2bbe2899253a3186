"""Exchanging a canister's module and nothing else: stop → safety snapshot → upgrade → check → start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quri_console.effects.calls import INSTALL_CHUNKS, INSTALL_CODE, LOAD_SNAPSHOT, TAKE_SNAPSHOT
from quri_console.effects.code import upgrade_module
from quri_console.effects.perform import Effects
from quri_console.effects.replay import DONE, Attempt, attempts, downtime_seconds, left_stopped, snapshots_made
from quri_console.errors import QuriError
from quri_console.ic.management.read import canister_status
from quri_console.progress import Progress, ProgressEvent
from quri_console.restore.remedy_plan import RemedyPlan
from quri_console.restore.swap_target import NotAsRestored, RestoreFailed, SwapReport

STOPPED_PATIENCE_SECONDS = 60.0
OLD_MODULE, NEW_MODULE = "its old module and state", "the backup's module, its memory kept"
EITHER_MODULE = "either its old module or the backup's"


@dataclass(slots=True)
class ModuleSwap:
    """One exchange; goes on where the journal says that an earlier process stopped."""

    plan: RemedyPlan
    effects: Effects
    progress: Progress

    @property
    def begun(self) -> bool:
        """Whether an earlier process of this operation has upgraded the canister, as far as can be told."""
        return any(attempt.may_have_happened for attempt in self._upgrades())

    def _upgrades(self) -> tuple[Attempt, ...]:
        return attempts(self.effects.journal.records, INSTALL_CODE, INSTALL_CHUNKS)

    async def run(self, module: Callable[[], bytes]) -> SwapReport:
        """Exchange the module. Raises StopTimedOut before anything was changed, else RestoreFailed."""
        if any(attempt.outcome == DONE for attempt in self._upgrades()):
            return SwapReport(self._safety(), self._downtime(), await self._status_word())
        code = module()
        self._report("stop")
        await self.effects.stop_canister(self.plan.canister, timeout_seconds=self.plan.stop_timeout_seconds)
        try:
            safety = await self._exchange(code)
        except QuriError as error:
            raise await self._undone(error) from error
        except BaseException:
            await self.effects.bring_back(self.plan.canister)
            raise
        await self._start()
        return SwapReport(safety, self._downtime(), await self._status_word())

    async def _exchange(self, code: bytes) -> bytes:
        self._report("safety snapshot")
        safety = self._safety()
        if safety is None or not self.begun:
            # an earlier one of this operation is outdated unless only it may have the old module
            taken = await self.effects.take_snapshot(
                self.plan.canister, replace=safety, patience_seconds=STOPPED_PATIENCE_SECONDS
            )
            safety = taken.id
        self._report("upgrade")
        await upgrade_module(self.effects, self.plan.canister, code, keep_main_memory=self.plan.keep_main_memory)
        self._report("check")
        found = (await canister_status(self.effects.agent, self.plan.canister)).module_hash
        assert self.plan.source is not None
        if found != self.plan.source.module_hash:
            await self.effects.load_snapshot(self.plan.canister, safety, leads_back=True)
            raise NotAsRestored(f"{self.plan.name} shows another module than the one that was installed")
        return safety

    async def _start(self) -> None:
        self._report("start")
        try:
            await self.effects.bring_back(self.plan.canister)
        except QuriError as error:
            raise RestoreFailed(
                error,
                f"{self.plan.name} was upgraded but could not be started",
                f"it has {NEW_MODULE} and is stopped",
                next_step=f"quri-console start {self.plan.name}",
                result=self._result(NEW_MODULE),
            ) from error

    async def _undone(self, cause: QuriError) -> RestoreFailed:
        """Give the canister its status back, and word the failure with what it has."""
        state = self._state()
        next_step = ""
        try:
            await self.effects.bring_back(self.plan.canister)
            sentence = f"the canister has {state} and is {self.effects.status_before(self.plan.canister)} as before"
            if state == OLD_MODULE:
                await self._drop_safety()
        except QuriError as error:
            sentence = f"it has {state} and is stopped, because it could not be started: {error}"
            next_step = f"quri-console start {self.plan.name}"
        return RestoreFailed(
            cause, f"the module of {self.plan.name} was not put back", sentence, next_step=next_step,
            result=self._result(state),
        )  # fmt: skip

    async def _drop_safety(self) -> None:
        """Delete a safety snapshot of a state that was not replaced: it costs cycles and a slot."""
        safety = self._safety()
        if safety is not None:
            await self.effects.delete_snapshot(self.plan.canister, safety)

    def _state(self) -> str:
        settled = [attempt for attempt in self._upgrades() if attempt.may_have_happened]
        loads = attempts(self.effects.journal.records, LOAD_SNAPSHOT)
        if not settled or any(load.outcome == DONE and load.sequence > settled[-1].sequence for load in loads):
            return OLD_MODULE
        return NEW_MODULE if settled[-1].outcome == DONE else EITHER_MODULE

    def _safety(self) -> bytes | None:
        made = snapshots_made(self.effects.journal.records, TAKE_SNAPSHOT)
        return made[-1] if made else None

    def _result(self, state: str) -> dict[str, object]:
        safety = self._safety()
        return {
            "state": state,
            "safety_snapshot": None if safety is None else safety.hex(),
            "left_stopped": self.plan.canister.to_str() in left_stopped(self.effects.journal.records),
        }

    async def _status_word(self) -> str:
        return (await canister_status(self.effects.agent, self.plan.canister)).status

    def _downtime(self) -> float:
        return downtime_seconds(self.effects.journal.records, self.plan.canister.to_str())

    def _report(self, phase: str) -> None:
        self.progress.report(ProgressEvent(phase, subject=self.plan.name))
