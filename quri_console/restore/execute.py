"""Carrying a plan out, in the safe order; everything that can fail without harm comes before the stop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from quri_console.clock import Clock
from quri_console.effects.calls import LOAD_SNAPSHOT, UPLOAD_METADATA
from quri_console.effects.perform import Effects
from quri_console.effects.recover import recover
from quri_console.effects.replay import attempts, snapshots_made
from quri_console.errors import NetworkError, QuriError, RefusedBySafetyRule
from quri_console.ic.management.read import canister_status
from quri_console.ic.rejection import Rejected
from quri_console.progress import Progress, ProgressEvent
from quri_console.repository.store import Repository
from quri_console.restore.health import Unhealthy, ask_health
from quri_console.restore.plan import RestorePlan
from quri_console.restore.sources import RestorePoint, open_point
from quri_console.restore.swap import NEW_STATE, RestoreFailed, Swap, SwapReport, SwapTarget
from quri_console.restore.upload import Uploader
from quri_console.restore.words import named

REFUSED_VALUES = "IC0408"


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """How a restore went; `notes` are what the operator should know besides."""

    canister: str
    name: str
    label: str
    safety_snapshot: bytes | None
    sent_bytes: int
    skipped_bytes: int
    downtime_seconds: float
    status: str
    health: str
    notes: tuple[str, ...]

    def result(self) -> dict[str, object]:
        """The report as the outcome keeps it."""
        return {
            "canister": self.canister,
            "name": self.name,
            "source": self.label,
            "state": NEW_STATE,
            "safety_snapshot": None if self.safety_snapshot is None else self.safety_snapshot.hex(),
            "sent_bytes": self.sent_bytes,
            "skipped_bytes": self.skipped_bytes,
            "downtime_seconds": round(self.downtime_seconds, 3),
            "status": self.status,
            "health": self.health,
            "notes": list(self.notes),
        }


async def execute(
    plan: RestorePlan, effects: Effects, repository: Repository, *, clock: Clock, progress: Progress
) -> RestoreReport:
    """Restore by upload, from the start or from where the journal says that an earlier process stopped.

    Raises CorruptionError and RefusedBySafetyRule before any effect, StopTimedOut with nothing changed,
    RestoreFailed that says in which state the canister is, EffectUndecided, Cancelled.
    """
    notes = list(await recover(effects))
    point = await asyncio.to_thread(open_point, repository, plan.source.set_path, plan.canister, progress)
    _require_same_backup(plan, point)
    try:
        if not any(load.may_have_happened for load in attempts(effects.journal.records, LOAD_SNAPSHOT)):
            # asked when resumed, too: what was deployed since the plan must not be replaced unseen
            await _require_same_canister(plan, effects)
        swapped, hook_sent = await _upload_and_swap(plan, effects, point, clock, progress)
    except QuriError as error:
        await _clean_up_after(error, plan, effects)
        raise
    if point.stored.metadata.on_low_wasm_memory_hook_status is not None and not hook_sent:
        notes.append("The low-memory hook's status was sent as unknown: the network refuses the recorded one (IC0408).")
    notes.extend(await _delete_uploaded(plan, effects, progress))
    return await _checked(plan, effects, swapped, notes, progress)


def _require_same_backup(plan: RestorePlan, point: RestorePoint) -> None:
    if point.manifest_sha256 != plan.source.manifest_sha256:
        raise RefusedBySafetyRule(
            f"backup {plan.source.label} is not the one that was planned",
            why="its manifest has changed since",
            next_step="Make and read a new plan.",
        )


async def _require_same_canister(plan: RestorePlan, effects: Effects) -> None:
    status = await canister_status(effects.agent, plan.canister)
    pairs = (
        ("module", plan.live.module_hash, status.module_hash),
        ("status", plan.live.status, status.status),
        ("controllers", set(plan.live.controllers), set(status.settings.controllers)),
    )
    moved = [name for name, planned, found in pairs if planned != found]
    if moved:
        raise RefusedBySafetyRule(
            f"{named(plan.name, plan.canister)} has changed since the plan was made, so nothing was done",
            why=f"another {' and '.join(moved)}",
            next_step="Find out who works on it, then make and read a new plan.",
        )


async def _upload_and_swap(
    plan: RestorePlan, effects: Effects, point: RestorePoint, clock: Clock, progress: Progress
) -> tuple[SwapReport, bool]:
    """Upload and exchange; the hook's status is sent as unknown when the network turns out to refuse it."""
    uploader = Uploader(effects, point, plan.name, progress)
    send_hook = plan.send_hook_status and point.stored.metadata.on_low_wasm_memory_hook_status is not None
    try:
        return await _attempt(plan, effects, point, uploader, clock, progress, send_hook_status=send_hook), send_hook
    except (Rejected, RestoreFailed) as error:
        rejection = error if isinstance(error, Rejected) else error.__cause__
        if not send_hook or not isinstance(rejection, Rejected) or rejection.error_code != REFUSED_VALUES:
            raise
    await _delete_uploaded(plan, effects, progress)
    return await _attempt(plan, effects, point, uploader, clock, progress, send_hook_status=False), False


async def _attempt(
    plan: RestorePlan,
    effects: Effects,
    point: RestorePoint,
    uploader: Uploader,
    clock: Clock,
    progress: Progress,
    *,
    send_hook_status: bool,
) -> SwapReport:
    metadata = point.stored.metadata
    identifier = await uploader.upload(send_hook_status=send_hook_status)
    target = SwapTarget(
        canister=plan.canister,
        name=plan.name,
        snapshot_id=identifier,
        module_hash=point.stored.module_hash,
        heap_bytes=metadata.wasm_memory_size,
        stable_bytes=metadata.stable_memory_size,
        stop_timeout_seconds=plan.stop_timeout_seconds,
        safety_snapshot=plan.safety_snapshot,
    )
    return await Swap(effects, target, clock, progress).run()


async def _clean_up_after(error: QuriError, plan: RestorePlan, effects: Effects) -> None:
    """Delete what was uploaded unless the operation may go on with it: it costs cycles and a slot."""
    cause = error.__cause__ if isinstance(error, RestoreFailed) else error
    if isinstance(cause, NetworkError) or getattr(error, "result", {}).get("state") == NEW_STATE:
        return
    for identifier in snapshots_made(effects.journal.records, UPLOAD_METADATA):
        try:
            await effects.delete_snapshot(plan.canister, identifier)
        except QuriError as failure:
            effects.journal.append("left on chain", snapshot_id=identifier.hex(), why=str(failure))


async def _delete_uploaded(plan: RestorePlan, effects: Effects, progress: Progress) -> list[str]:
    progress.report(ProgressEvent("clean up", subject=plan.name))
    notes = []
    for identifier in snapshots_made(effects.journal.records, UPLOAD_METADATA):
        try:
            await effects.delete_snapshot(plan.canister, identifier)
        except QuriError as error:
            notes.append(f"The uploaded snapshot {identifier.hex()} is still on chain and costs cycles: {error}")
    return notes


async def _checked(
    plan: RestorePlan, effects: Effects, swapped: SwapReport, notes: list[str], progress: Progress
) -> RestoreReport:
    health = "not asked"
    failure: QuriError | None = None
    if plan.health_query is not None and swapped.status == "running":
        progress.report(ProgressEvent("health", subject=plan.name))
        try:
            health = await ask_health(effects.agent, plan.canister, plan.health_query, name=plan.name)
        except (Unhealthy, NetworkError) as error:
            health, failure = str(error), error
    report = RestoreReport(
        canister=plan.canister.to_str(),
        name=plan.name,
        label=plan.source.label,
        safety_snapshot=swapped.safety_snapshot,
        sent_bytes=plan.source.sent_bytes,
        skipped_bytes=plan.source.skipped_bytes,
        downtime_seconds=swapped.downtime_seconds,
        status=swapped.status,
        health=health,
        notes=tuple(notes),
    )
    if failure is not None:
        raise RestoreFailed(
            failure,
            f"{plan.name} was restored, but its health check failed",
            "it has the restored state and runs",
            next_step=f"Look at it now; `quri-console rollback {effects.journal.path.parent.name}` brings the state "
            "before the restore back.",
            result=report.result(),
        )
    return report
