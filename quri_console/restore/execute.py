"""Carrying a plan out, in the safe order; everything that can fail without harm comes before the stop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from quri_console.clock import Clock
from quri_console.effects.calls import LOAD_SNAPSHOT, UPLOAD_METADATA
from quri_console.effects.perform import Effects
from quri_console.effects.recover import recover
from quri_console.effects.replay import DONE, attempts
from quri_console.errors import Cancelled, NetworkError, QuriError
from quri_console.ic.rejection import Rejected
from quri_console.progress import Progress, ProgressEvent
from quri_console.repository.store import Repository
from quri_console.restore.drift import Vigil
from quri_console.restore.group_plan import GroupPlan, members_of
from quri_console.restore.journalled import state_of
from quri_console.restore.keep_or_undo import judge
from quri_console.restore.leftovers import Leftover, delete_leftovers, own_leftovers
from quri_console.restore.plan import RestorePlan
from quri_console.restore.report import GroupReport, RestoreReport
from quri_console.restore.restore_source import RestoreSource, open_source
from quri_console.restore.settings_step import require_still_controller
from quri_console.restore.swap import NEW_STATE, RestoreFailed, Swap, SwapReport, SwapTarget
from quri_console.restore.swap_target import Exchanged, unread_metadata
from quri_console.restore.undoing import WayBack, unfinished

__all__ = ["GroupReport", "RestoreReport", "execute", "execute_all"]

REFUSED_VALUES = "IC0408"
HOOK_NOTE = "The low-memory hook's status was sent as unknown: the network refuses the recorded one (IC0408)."


async def at_once() -> None:
    """Go on without waiting for anybody."""


async def execute(
    plan: RestorePlan, effects: Effects, repository: Repository | None, *, clock: Clock, progress: Progress
) -> RestoreReport:
    """Restore one canister: a group of one. Raises what `execute_all` raises."""
    report = await execute_all(plan, effects, repository, progress=progress)
    (member,) = report.members
    return member


async def execute_all(
    plan: RestorePlan | GroupPlan,
    effects: Effects,
    repository: Repository | None,
    *,
    progress: Progress,
    undo_if_unhealthy: bool = False,
    recovered: Sequence[str] = (),
    before_stop: Callable[[], Awaitable[None]] = at_once,
) -> GroupReport:
    """Restore all canisters of a plan, from the start or from where the journal says that an earlier process stopped.

    `repository` may be None where nothing comes from one; `recovered` is what `recover` did before, for the report.
    `before_stop` is awaited when everything that can be done while the canisters run is done.
    Raises CorruptionError and RefusedBySafetyRule before any effect, StopTimedOut with nothing changed, RestoreFailed
    that says in which state the canisters are, EffectUndecided, Cancelled.
    """
    execution = _Execution(plan, effects, progress, before_stop)
    return await execution.run(repository, recovered, undo_if_unhealthy=undo_if_unhealthy)


class _Execution:
    def __init__(
        self,
        plan: RestorePlan | GroupPlan,
        effects: Effects,
        progress: Progress,
        before_stop: Callable[[], Awaitable[None]],
    ) -> None:
        self._plans = members_of(plan)
        self._effects = effects
        self._progress = progress
        self._before_stop = before_stop
        self._sources: tuple[RestoreSource, ...] = ()
        self._targets: tuple[SwapTarget, ...] = ()

    async def run(
        self, repository: Repository | None, recovered: Sequence[str], *, undo_if_unhealthy: bool
    ) -> GroupReport:
        notes = [*recovered, *await recover(self._effects)]
        await self._finish_way_back()
        await self._end_if_aborted()
        for plan in self._plans:
            require_still_controller(self._effects.agent.identity.sender, plan.name, plan.canister, plan.settings)
        self._sources = tuple([await self._opened(plan, repository) for plan in self._plans])
        try:
            for plan in self._plans:
                await self._first_look(plan)
            swapped = await self._upload_and_swap()
        except QuriError as error:
            failure = await self._back_from_half_way(error) if isinstance(error, Cancelled) else error
            await self._clean_up_after(failure)
            raise failure from failure.__cause__
        withheld = [source.plan.name for source in self._sources if source.hook_withheld]
        notes += [HOOK_NOTE if len(self._plans) == 1 else f"{name}: {HOOK_NOTE}" for name in withheld]
        notes += await self._delete_ours()
        reports = tuple(
            _report(plan, swap, note)
            for plan, swap, note in zip(self._plans, swapped, self._spread(notes), strict=True)
        )
        way_back = WayBack(self._effects, self._targets, self._progress)
        return GroupReport(
            await judge(self._plans, reports, way_back, self._effects, self._progress, undo_if_unhealthy)
        )

    async def _opened(self, plan: RestorePlan, repository: Repository | None) -> RestoreSource:
        if _loaded_id(plan, self._effects) is not None:
            # an earlier process has put it in its place: it may be gone by now, and is not needed
            return RestoreSource(plan, self._effects, self._progress, unread_metadata())
        return await open_source(plan, self._effects, repository, self._progress)

    def _spread(self, notes: list[str]) -> list[list[str]]:
        """Notes about the whole operation stand with its first canister."""
        return [notes, *([] for _ in self._plans[1:])]

    async def _finish_way_back(self) -> None:
        """Go on with a way back that an earlier process began: the operation has failed, and only that is left."""
        if unfinished(self._effects.journal.records) is not None:
            found = [_exchanged(plan, self._effects) for plan in self._plans]
            await WayBack(self._effects, [item for item in found if item is not None], self._progress).finish()

    async def _end_if_aborted(self) -> None:
        """Before anything is read: whoever ends it need not have any more what it was restored from.

        One that is loaded everywhere is only started, and done. Raises Cancelled, RestoreFailed, InLockdown.
        """
        if all(_loaded_id(plan, self._effects) is not None for plan in self._plans):
            return
        try:
            self._effects.checkpoint()
        except Cancelled as error:
            failure = await self._back_from_half_way(error)
            await self._clean_up_after(failure)
            raise failure from failure.__cause__

    async def _back_from_half_way(self, error: Cancelled) -> QuriError:
        """Undo what an earlier process did to some canisters of a group only, when the rest is not to follow."""
        found = [_exchanged(plan, self._effects) for plan in self._plans]
        way_back = WayBack(self._effects, [item for item in found if item is not None], self._progress)
        if not way_back.half_way:
            return error
        failure = await way_back.after(error, look_first=True)
        failure.__cause__ = error
        return failure

    async def _first_look(self, plan: RestorePlan) -> None:
        """Asked when resumed, too: what was deployed since the plan must not be replaced unseen."""
        loads = attempts(self._effects.journal.records, LOAD_SNAPSHOT, canister=plan.canister.to_str())
        if not any(load.may_have_happened for load in loads):
            await Vigil(self._effects, plan.canister, plan.name, plan.live).begin()

    async def _upload_and_swap(self) -> tuple[SwapReport, ...]:
        """Upload and exchange; hook statuses are sent as unknown when the network turns out to refuse them."""
        sent = [source for source in self._sources if source.send_hook_status]
        try:
            return await self._attempt()
        except (Rejected, RestoreFailed) as error:
            rejection = error if isinstance(error, Rejected) else error.__cause__
            if not sent or not isinstance(rejection, Rejected) or rejection.error_code != REFUSED_VALUES:
                raise
            if unfinished(self._effects.journal.records) is not None:
                raise  # the old states come back before anything is tried anew
        for source in sent:
            source.refuse_hook()
        await self._delete_ours()
        return await self._attempt()

    async def _attempt(self) -> tuple[SwapReport, ...]:
        # one after the other: each keeps the connection busy by itself
        self._targets = tuple([source.target(await self._snapshot(source)) for source in self._sources])
        if all(_loaded_id(plan, self._effects) is None for plan in self._plans):
            await self._before_stop()
        return await Swap(self._effects, self._targets, self._progress).run()

    async def _snapshot(self, source: RestoreSource) -> bytes:
        """What is loaded: what an earlier process loaded already, or what is uploaded now."""
        loaded = _loaded_id(source.plan, self._effects)
        return await source.snapshot() if loaded is None else loaded

    async def _clean_up_after(self, error: QuriError) -> None:
        """Delete what was uploaded unless the operation may go on with it: it costs cycles and a slot."""
        cause = error.__cause__ if isinstance(error, RestoreFailed) else error
        if isinstance(cause, NetworkError) or getattr(error, "result", {}).get("state") == NEW_STATE:
            return
        if unfinished(self._effects.journal.records) is None:
            await delete_leftovers(self._effects, self._leftovers())

    async def _delete_ours(self) -> list[str]:
        for plan in self._plans:
            self._progress.report(ProgressEvent("clean up", subject=plan.name))
        return await delete_leftovers(self._effects, self._leftovers())

    def _leftovers(self) -> tuple[Leftover, ...]:
        return own_leftovers(self._effects, [(plan.canister, plan.name) for plan in self._plans])


def _loaded_id(plan: RestorePlan, effects: Effects) -> bytes | None:
    """The snapshot that has taken the place of the canister's state, by this operation's journal."""
    target = _exchanged(plan, effects)
    return target.snapshot_id if target is not None and state_of(effects, target) == NEW_STATE else None


def _exchanged(plan: RestorePlan, effects: Effects) -> Exchanged | None:
    identifier = plan.source.snapshot_id
    if plan.source.kind == "backup":
        uploads = attempts(effects.journal.records, UPLOAD_METADATA, canister=plan.canister.to_str())
        identifier = next((upload.snapshot_id for upload in reversed(uploads) if upload.outcome == DONE), None)
    if identifier is None:
        return None
    return Exchanged(
        canister=plan.canister,
        name=plan.name,
        live=plan.live,
        snapshot_id=identifier,
        stop_timeout_seconds=plan.stop_timeout_seconds,
        settings=plan.settings,
    )


def _report(plan: RestorePlan, swapped: SwapReport, notes: Sequence[str]) -> RestoreReport:
    return RestoreReport(
        canister=plan.canister.to_str(),
        name=plan.name,
        label=plan.source.label,
        safety_snapshot=swapped.safety_snapshot,
        sent_bytes=plan.source.sent_bytes,
        skipped_bytes=plan.source.skipped_bytes,
        downtime_seconds=swapped.downtime_seconds,
        status=swapped.status,
        health="not asked",
        notes=(*notes, *swapped.notes),
    )
