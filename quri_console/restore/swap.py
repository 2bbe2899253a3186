"""The dangerous middle of restore and rollback: stop → safety snapshot → load → settings → checks → start.

Several canisters that belong together go through it as one: each step is done for all of them before the next one.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

from quri_console.effects.calls import LOAD_SNAPSHOT
from quri_console.effects.perform import Effects
from quri_console.effects.replay import DONE, attempts, downtime_seconds
from quri_console.errors import NetworkError, QuriError
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.read import canister_status, read_snapshot_metadata
from quri_console.ic.rejection import Rejected
from quri_console.progress import Progress, ProgressEvent
from quri_console.restore.at_once import each_to_its_end
from quri_console.restore.drift import Seen, Vigil
from quri_console.restore.journalled import bring_back, is_held, is_loaded, newest_safety_of, oldest_safety_of
from quri_console.restore.settings_step import change_settings
from quri_console.restore.stopped_checks import CHECKED, look_into, require_sizes, require_whole
from quri_console.restore.swap_target import (
    MIXED_STATE,
    NEW_STATE,
    OLD_STATE,
    UNKNOWN_STATE,
    ForeignSnapshotNotReady,
    NotAsRestored,
    RestoreFailed,
    SwapReport,
    SwapTarget,
)
from quri_console.restore.undoing import WayBack

__all__ = [
    "MIXED_STATE",
    "NEW_STATE",
    "OLD_STATE",
    "UNKNOWN_STATE",
    "NotAsRestored",
    "RestoreFailed",
    "Swap",
    "SwapReport",
    "SwapTarget",
]

STOPPED_PATIENCE_SECONDS = 60.0
NOT_YET = "IC0406"


class Swap:
    """One exchange of canisters' states; goes on where the journal says that an earlier process stopped."""

    def __init__(self, effects: Effects, targets: Sequence[SwapTarget], progress: Progress) -> None:
        self._effects = effects
        self._targets = tuple(targets)
        self._progress = progress
        self._notes: dict[Principal, tuple[str, ...]] = {}

    async def run(self) -> tuple[SwapReport, ...]:
        """Exchange the states. Raises StopTimedOut before anything was changed, else RestoreFailed."""
        pending = tuple(target for target in self._targets if not is_loaded(self._effects, target))
        if pending:
            await self._stop(pending)
            try:
                await self._exchange(pending)
            except QuriError as error:
                raise await self._way_back().after(error) from error
            except BaseException:
                await bring_back(self._effects, pending)
                raise
        await self._settings_left([target for target in self._targets if target not in pending])
        for target in self._targets:
            await self._start(target)
        return tuple([await self._report_of(target) for target in self._targets])

    def _way_back(self) -> WayBack:
        return WayBack(self._effects, self._targets, self._progress)

    async def _stop(self, targets: Sequence[SwapTarget]) -> None:
        self._report("stop", targets)
        stops = [
            self._effects.stop_canister(target.canister, timeout_seconds=target.stop_timeout_seconds)
            for target in targets
        ]
        try:
            await each_to_its_end(stops)
        except BaseException as error:
            # the one that did not stop was started by its own deadline, and the others run again as well
            await bring_back(self._effects, targets)
            if isinstance(error, QuriError) and not isinstance(error, NetworkError) and self._way_back().half_way:
                # those that an earlier process loaded do not fit to the others, which stay as they are
                raise await self._way_back().after(error, look_first=True) from error
            raise

    async def _exchange(self, targets: Sequence[SwapTarget]) -> None:
        await self._take_safety(targets)
        self._report("load", targets)
        await each_to_its_end([self._load(target) for target in targets])
        await self._settings(targets)
        self._report("check", targets)
        await self._check(targets)

    async def _take_safety(self, targets: Sequence[SwapTarget]) -> None:
        """Pictures of what is about to be replaced, and a last look whether somebody else is at work."""
        wanted = [target for target in targets if target.safety_snapshot]
        looks = await each_to_its_end([self._vigil(target).look() for target in targets])
        seen = {target.canister: look for target, look in zip(targets, looks, strict=True)}
        if not wanted:
            return
        self._report("safety snapshot", wanted)
        await each_to_its_end([self._take_one_safety(target, seen[target.canister]) for target in wanted])
        await each_to_its_end([self._compare_safety(target, seen[target.canister]) for target in wanted])

    async def _take_one_safety(self, target: SwapTarget, seen: Seen) -> None:
        """An earlier one of this operation is outdated and replaced.

        It is kept beside the new one when a load may already have happened and was not taken back: then only it
        has the old state.
        """
        earlier = newest_safety_of(self._effects, target)
        loads = attempts(self._effects.journal.records, LOAD_SNAPSHOT, canister=target.canister.to_str())
        happened = [load for load in loads if load.may_have_happened]
        taken_back = happened and happened[-1].outcome == DONE and happened[-1].snapshot_id == earlier
        keep = bool(happened) and not taken_back
        await self._effects.take_snapshot(
            target.canister,
            replace=None if keep else earlier,
            patience_seconds=self._patience(target),
            before=seen.snapshots,
        )

    async def _compare_safety(self, target: SwapTarget, seen: Seen) -> None:
        safety = newest_safety_of(self._effects, target)
        assert safety is not None
        metadata, _ = await asyncio.gather(
            read_snapshot_metadata(self._effects.agent, target.canister, safety), self._vigil(target).look()
        )
        require_whole(target, metadata, seen.status)

    async def _load(self, target: SwapTarget) -> None:
        try:
            await self._effects.load_snapshot(
                target.canister, target.snapshot_id, patience_seconds=self._patience(target)
            )
        except Rejected as error:
            if target.of_another_canister and error.error_code == NOT_YET:
                raise ForeignSnapshotNotReady(target, error, self._effects.journal.path.parent.name) from error
            raise

    async def _settings(self, targets: Sequence[SwapTarget]) -> None:
        changed = [target for target in targets if target.settings is not None]
        if changed:
            self._report("settings", changed)
            await each_to_its_end(
                [change_settings(self._effects, t.canister, t.settings) for t in changed if t.settings is not None]
            )

    async def _settings_left(self, loaded: Sequence[SwapTarget]) -> None:
        """The settings that an earlier process died before it changed; those in force are not sent again."""
        try:
            await self._settings(loaded)
        except QuriError as error:
            names = " and ".join(target.name for target in loaded)
            raise RestoreFailed(
                error,
                f"{names} was restored, but its settings were not brought back",
                "it has the restored state",
                result=self._way_back().result(NEW_STATE, tuple(loaded)),
            ) from error

    async def _check(self, targets: Sequence[SwapTarget]) -> None:
        await each_to_its_end([self._check_one(target) for target in targets])
        for target in targets:
            self._effects.journal.append(CHECKED, canister=target.canister.to_str())

    async def _check_one(self, target: SwapTarget) -> None:
        seen = await self._vigil(target).look()
        require_sizes(target, seen.status)
        self._notes[target.canister] = await look_into(self._effects, target, seen, self._progress)

    def _vigil(self, target: SwapTarget) -> Vigil:
        after = None if target.settings is None else target.settings.controllers
        return Vigil(self._effects, target.canister, target.name, target.live, after)

    def _patience(self, target: SwapTarget) -> float:
        """How long a rate limit may keep the canister down that ran before."""
        return STOPPED_PATIENCE_SECONDS if self._ran_before(target) else math.inf

    def _ran_before(self, target: SwapTarget) -> bool:
        return self._effects.status_before(target.canister) == "running"

    async def _start(self, target: SwapTarget) -> None:
        if target.start_after or (target.start_after is None and self._ran_before(target)):
            self._report("start", [target])
        try:
            await self._give_status(target)
        except QuriError as error:
            raise RestoreFailed(
                error,
                f"{target.name} was restored but could not be started",
                "it has the restored state and is stopped",
                next_step=self._way_back().start_by_hand(target),
                result=self._way_back().result(NEW_STATE, (target,)),
            ) from error

    async def _give_status(self, target: SwapTarget) -> None:
        held = is_held(self._effects, target)
        if target.start_after is None:
            if held:
                await self._effects.bring_back(target.canister)
            return
        status = "stopped" if held else await self._status_word(target)
        if target.start_after and status != "running":
            await self._effects.start_canister(target.canister)
        if not target.start_after:
            if status == "running":
                await self._effects.stop_canister(target.canister, timeout_seconds=target.stop_timeout_seconds)
            if is_held(self._effects, target):
                await self._effects.keep_stopped(target.canister)

    async def _report_of(self, target: SwapTarget) -> SwapReport:
        records, canister = self._effects.journal.records, target.canister.to_str()
        checked = any(r.event == CHECKED and r.fields["canister"] == canister for r in records)
        interrupted = () if checked else (f"The checks of {target.name} while it stood still were interrupted.",)
        return SwapReport(
            oldest_safety_of(self._effects, target),
            downtime_seconds(records, canister),
            await self._status_word(target),
            (*interrupted, *self._notes.get(target.canister, ())),
        )

    async def _status_word(self, target: SwapTarget) -> str:
        return (await canister_status(self._effects.agent, target.canister)).status

    def _report(self, phase: str, targets: Sequence[SwapTarget]) -> None:
        for target in targets:
            self._progress.report(ProgressEvent(phase, subject=target.name))
