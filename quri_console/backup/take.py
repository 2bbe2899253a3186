"""The minutes in which canisters may stand still: stop, take the snapshot, start again.

A canister that ran is started again before anything is downloaded. The members of a consistent group are stopped
together, so that their snapshots are one cut; when one of them cannot be, all come back and each is taken alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.backup.health_replies import HealthReply
from quri_console.backup.manifest import GroupWindow, TakenMode
from quri_console.backup.target import BackupTarget
from quri_console.clock import Clock, utc_datetime
from quri_console.effects.stop import StopTimedOut
from quri_console.errors import Cancelled, QuriError
from quri_console.ic.management.types import CanisterStatus, Snapshot, SnapshotMetadata

if TYPE_CHECKING:
    from quri_console.effects.perform import Effects

STOPPED_PATIENCE_SECONDS = 4.0
"""How long a canister is kept stopped because the network limits the rate of snapshots; it may mean 10 minutes."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A target and the status it had before anything was done to it."""

    target: BackupTarget
    status: CanisterStatus
    replace: bytes | None = None
    """A snapshot of this tool's own that makes room for the new one."""
    existing: Snapshot | None = None
    """The snapshot that is to be copied instead of a new one, and what it says of itself."""
    metadata: SnapshotMetadata | None = None
    health: tuple[HealthReply, ...] = ()
    """What its health queries answered then; empty where they were not asked."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A snapshot to copy; `own` when this tool took it and may delete it."""

    subject: Subject
    snapshot: Snapshot
    own: bool


@dataclass(frozen=True, slots=True)
class CaptureFailure:
    """A canister that could not be backed up, and why."""

    target: BackupTarget
    error: QuriError


@dataclass(frozen=True, slots=True)
class TakenTogether:
    """What came of a group or of a single canister."""

    taken: tuple[Taken, ...]
    failures: tuple[CaptureFailure, ...]
    window: GroupWindow | None = None


class Taker:
    """Takes snapshots; whatever happens, a canister gets the status back that it had."""

    def __init__(
        self,
        effects: Effects,
        clock: Clock,
        *,
        mode: TakenMode,
        stop_timeout_seconds: float,
        report: Callable[[str, BackupTarget, str], None],
        give_back: Callable[[BaseException, BackupTarget, Snapshot], Awaitable[None]],
    ) -> None:
        """`report` tells phase, target and note; `give_back` deletes a snapshot that an error made useless."""
        self._effects = effects
        self._clock = clock
        self._mode = mode
        self._stop_timeout_seconds = stop_timeout_seconds
        self._report = report
        self._give_back = give_back

    async def take(self, name: str, subjects: Sequence[Subject]) -> TakenTogether:
        """The snapshots of a group called `name`, or of one canister with an empty name. Raises Cancelled."""
        if name and len(subjects) > 1 and self._mode == "stop":
            return await self._take_group(name, subjects)
        return await self._take_each(subjects)

    async def _take_each(self, subjects: Sequence[Subject]) -> TakenTogether:
        taken: list[Taken] = []
        failures: list[CaptureFailure] = []
        for subject in subjects:
            try:
                taken.append(await self._take_one(subject))
            except Cancelled as error:
                await self._return_all(error, taken)
                raise
            except QuriError as error:
                self._report("failed", subject.target, str(error))
                failures.append(CaptureFailure(subject.target, error))
            except BaseException as error:
                await self._return_all(error, taken)
                raise
        return TakenTogether(tuple(taken), tuple(failures))

    async def _take_one(self, subject: Subject) -> Taken:
        target = subject.target
        if subject.existing is not None:
            return Taken(subject, subject.existing, own=False)
        if self._mode == "hot" or subject.status.status != "running":
            return Taken(subject, await self._snapshot(subject), own=True)
        await self._stop(target)
        try:
            snapshot = await self._snapshot(subject, patience_seconds=STOPPED_PATIENCE_SECONDS)
        except BaseException:
            await self._effects.bring_back(target.canister)
            raise
        self._report("start", target, "")
        try:
            await self._effects.bring_back(target.canister)
        except BaseException as error:
            await self._give_back(error, target, snapshot)
            raise
        return Taken(subject, snapshot, own=True)

    async def _stop(self, target: BackupTarget) -> None:
        self._report("stop", target, "")
        await self._effects.stop_canister(target.canister, timeout_seconds=self._stop_timeout_seconds)

    async def _snapshot(self, subject: Subject, *, patience_seconds: float = float("inf")) -> Snapshot:
        self._report("snapshot", subject.target, "")
        return await self._effects.take_snapshot(
            subject.target.canister, replace=subject.replace, patience_seconds=patience_seconds
        )

    async def _take_group(self, name: str, subjects: Sequence[Subject]) -> TakenTogether:
        stopped: list[Subject] = []
        taken: list[Taken] = []
        stopped_at_ns = 0
        reason, culprit = "", None
        try:
            for subject in subjects:
                if subject.status.status == "running":
                    stopped.append(subject)
                    await self._stop(subject.target)
            stopped_at_ns = self._clock.now_ns()
            for subject in subjects:
                culprit = subject
                snapshot = await self._snapshot(subject, patience_seconds=STOPPED_PATIENCE_SECONDS)
                taken.append(Taken(subject, snapshot, own=True))
            culprit = None
        except StopTimedOut as error:
            culprit, reason = stopped.pop(), str(error)
            failure = CaptureFailure(culprit.target, error)
        except Cancelled as error:
            await self._bring_back(stopped)
            await self._return_all(error, taken)
            raise
        except QuriError as error:
            culprit = culprit or stopped[-1]
            reason, failure = str(error), CaptureFailure(culprit.target, error)
        except BaseException as error:
            await self._bring_back(stopped)
            await self._return_all(error, taken)
            raise
        started_at_ns = self._clock.now_ns()
        not_back = await self._bring_back(stopped)
        if culprit is None and not not_back:
            window = GroupWindow(name, True, utc_datetime(stopped_at_ns), utc_datetime(started_at_ns))
            return TakenTogether(tuple(taken), (), window)
        if culprit is None:
            return TakenTogether(tuple(taken), not_back, GroupWindow(name, False, reason=str(not_back[0].error)))
        return await self._take_rest(name, subjects, taken, failure, reason)

    async def _take_rest(
        self, name: str, subjects: Sequence[Subject], taken: list[Taken], failure: CaptureFailure, reason: str
    ) -> TakenTogether:
        """Each alone, but for the one that failed: a set that is not one cut is better than none."""
        self._report("failed", failure.target, f"{reason}; the others of {name} are taken one by one")
        have = {part.subject.target.canister for part in taken}
        rest = [s for s in subjects if s.target.canister not in have and s.target.canister != failure.target.canister]
        try:
            alone = await self._take_each(rest)
        except BaseException as error:
            await self._return_all(error, taken)
            raise
        window = GroupWindow(name, False, reason=reason)
        return TakenTogether((*taken, *alone.taken), (failure, *alone.failures), window)

    async def _bring_back(self, stopped: Sequence[Subject]) -> tuple[CaptureFailure, ...]:
        """Start in the configured order whatever was stopped; one that does not start holds up no other."""
        failures = []
        for subject in stopped:
            self._report("start", subject.target, "")
            try:
                await self._effects.bring_back(subject.target.canister)
            except QuriError as error:
                failures.append(CaptureFailure(subject.target, error))
        return tuple(failures)

    async def _return_all(self, error: BaseException, taken: Sequence[Taken]) -> None:
        for part in taken:
            if part.own:
                await self._give_back(error, part.subject.target, part.snapshot)
