"""The last question of a restore: do the canisters say that they are well, and what if they do not?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from quri_console.effects.perform import Effects
from quri_console.errors import NetworkError, QuriError
from quri_console.progress import Progress, ProgressEvent
from quri_console.restore.health import Unhealthy, ask_all
from quri_console.restore.plan import RestorePlan
from quri_console.restore.report import GroupReport, RestoreReport
from quri_console.restore.swap_target import OLD_STATE, RestoreFailed
from quri_console.restore.undoing import WayBack


async def judge(
    plans: Sequence[RestorePlan],
    reports: Sequence[RestoreReport],
    way_back: WayBack,
    effects: Effects,
    progress: Progress,
    undo_if_unhealthy: bool,
) -> tuple[RestoreReport, ...]:
    """The reports with what the health queries said.

    Raises RestoreFailed when one failed: the state before is brought back at once if that was asked for, else offered.
    """
    asked, failures = [], []
    for plan, report in zip(plans, reports, strict=True):
        health, failure = await _ask(plan, report, effects, progress)
        asked.append(replace(report, health=health))
        if failure is not None:
            failures.append((plan.name, failure))
    if failures:
        names = " and ".join(name for name, _ in failures)
        cause, report_of_all = failures[0][1], GroupReport(tuple(asked))
        recoverable = all(report.safety_snapshot is not None for report in asked)
        if undo_if_unhealthy and recoverable and any(isinstance(failure, Unhealthy) for _, failure in failures):
            raise await _undone(way_back, cause, names, report_of_all)
        raise _kept(effects, cause, names, report_of_all, recoverable=recoverable)
    return tuple(asked)


async def _ask(
    plan: RestorePlan, report: RestoreReport, effects: Effects, progress: Progress
) -> tuple[str, QuriError | None]:
    if not plan.health_checks or report.status != "running":
        return "not asked", None
    progress.report(ProgressEvent("health", subject=plan.name))
    try:
        return await ask_all(effects.agent, plan.canister, plan.health_checks, name=plan.name), None
    except (Unhealthy, NetworkError) as error:
        return str(error), error


async def _undone(way_back: WayBack, cause: QuriError, names: str, report: GroupReport) -> RestoreFailed:
    try:
        await way_back.go(cause, look_first=True)
    except QuriError as error:
        return await way_back.stuck(cause, error)
    return RestoreFailed(
        cause,
        f"{names} was restored, but its health check failed, so the state before was brought back",
        "everything has its old state and its old status",
        next_step="Look for a better restore point. `quri-console snapshots` shows the safety snapshot, which is kept.",
        result={**report.result(), "source": None, "state": OLD_STATE, "status": None},
    )


def _kept(effects: Effects, cause: QuriError, names: str, report: GroupReport, *, recoverable: bool) -> RestoreFailed:
    rollback = f"`quri-console rollback {effects.journal.path.parent.name}` brings the state before the restore back."
    return RestoreFailed(
        cause,
        f"{names} was restored, but its health check failed",
        "it has the restored state and runs",
        next_step=f"Look at it now; {rollback if recoverable else 'there is no safety snapshot to go back to.'}",
        result=report.result(),
    )
