"""Undoing a restore: the safety snapshot that it took takes the place of the state, by the same safe exchange."""

from __future__ import annotations

from dataclasses import dataclass, replace

from quri_console.backup.plan import read_status
from quri_console.backup.target import BackupTarget
from quri_console.clock import Clock
from quri_console.effects.calls import TAKE_SNAPSHOT
from quri_console.effects.journal import Record
from quri_console.effects.perform import Effects
from quri_console.effects.recover import recover
from quri_console.effects.replay import attempts, snapshots_made
from quri_console.errors import NetworkError, QuriError, RefusedBySafetyRule
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.read import list_canister_snapshots, read_snapshot_metadata
from quri_console.ic.management.types import MAX_SNAPSHOTS
from quri_console.progress import Progress, ProgressEvent
from quri_console.restore.health import Unhealthy, ask_health
from quri_console.restore.swap import Swap, SwapTarget
from quri_console.restore.words import named


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What a rollback would do. Times in nanoseconds since 1970, sizes in bytes."""

    network: str
    canister: Principal
    name: str
    operation: str
    snapshot_id: bytes
    taken_at_ns: int
    heap_bytes: int
    stable_bytes: int
    module_hash: bytes | None
    """The module that the canister had when the safety snapshot was taken, as the restore's plan saw it."""
    status: str
    stop_timeout_seconds: int
    health_query: str | None

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps in words, in their order."""
        stop, start = (("stop",), ("start",)) if self.status == "running" else ((), ())
        return (
            *stop,
            "take a safety snapshot of the present state",
            f"load snapshot {self.snapshot_id.hex()}",
            "check module and sizes",
            *start,
            "delete the snapshot that was loaded",
        )


@dataclass(frozen=True, slots=True)
class RollbackReport:
    """How a rollback went; `safety_snapshot` has the state that it replaced."""

    canister: str
    name: str
    operation: str
    safety_snapshot: bytes | None
    downtime_seconds: float
    status: str
    health: str
    notes: tuple[str, ...]

    def result(self) -> dict[str, object]:
        """The report as the outcome keeps it."""
        return {
            "canister": self.canister,
            "name": self.name,
            "rolled_back": self.operation,
            "state": f"the state before {self.operation}",
            "safety_snapshot": None if self.safety_snapshot is None else self.safety_snapshot.hex(),
            "downtime_seconds": round(self.downtime_seconds, 3),
            "status": self.status,
            "health": self.health,
            "notes": list(self.notes),
        }


def safety_snapshot_of(operation: str, records: tuple[Record, ...]) -> bytes:
    """The oldest safety snapshot that a restore kept: the state before it. Raises RefusedBySafetyRule for none."""
    made = snapshots_made(records, TAKE_SNAPSHOT)
    if not made:
        raise RefusedBySafetyRule(
            f"{operation} left no safety snapshot, so there is nothing to go back to",
            why="it ended before it took one, or its snapshot was used or deleted since",
            next_step="Choose a backup instead: quri-console restore CANISTER --from BACKUP --dry-run.",
        )
    return made[0]


async def plan_rollback(agent: Agent, wish: RollbackPlan) -> RollbackPlan:
    """`wish` completed with what the network shows; no effects. Raises RefusedBySafetyRule, NotAuthorised."""
    status = await read_status(agent, BackupTarget(wish.canister, wish.name))
    snapshots = await list_canister_snapshots(agent, wish.canister)
    _require_there(wish, [snapshot.id for snapshot in snapshots])
    metadata = await read_snapshot_metadata(agent, wish.canister, wish.snapshot_id)
    return replace(
        wish,
        status=status.status,
        taken_at_ns=metadata.taken_at_ns,
        heap_bytes=metadata.wasm_memory_size,
        stable_bytes=metadata.stable_memory_size,
    )


def _require_there(wish: RollbackPlan, present: list[bytes]) -> None:
    if wish.snapshot_id not in present:
        raise RefusedBySafetyRule(
            f"the safety snapshot {wish.snapshot_id.hex()} of {named(wish.name, wish.canister)} "
            "is not on chain any more",
            why="somebody deleted it, or the canister ran out of cycles",
            next_step=f"Choose a backup instead: quri-console restore {wish.name} --from BACKUP --dry-run.",
        )
    if len(present) >= MAX_SNAPSHOTS:
        raise RefusedBySafetyRule(
            f"{named(wish.name, wish.canister)} has no free snapshot slot",
            why=f"{len(present)} of {MAX_SNAPSHOTS} are used, and the present state needs one before it is replaced",
            next_step="Delete a snapshot that is no longer needed: icp canister snapshot delete "
            f"{wish.canister.to_str()} SNAPSHOT_ID.",
        )


async def roll_back(plan: RollbackPlan, effects: Effects, *, clock: Clock, progress: Progress) -> RollbackReport:
    """Bring the state before a restore back. Raises what `execute` raises."""
    notes = list(await recover(effects))
    if not attempts(effects.journal.records):
        await plan_rollback(effects.agent, plan)
    target = SwapTarget(
        canister=plan.canister,
        name=plan.name,
        snapshot_id=plan.snapshot_id,
        module_hash=plan.module_hash,
        heap_bytes=plan.heap_bytes,
        stable_bytes=plan.stable_bytes,
        stop_timeout_seconds=plan.stop_timeout_seconds,
    )
    swapped = await Swap(effects, target, clock, progress).run()
    health = await _health(plan, effects, swapped.status, progress)
    notes += await _delete_used(plan, effects)
    return RollbackReport(
        canister=plan.canister.to_str(),
        name=plan.name,
        operation=plan.operation,
        safety_snapshot=swapped.safety_snapshot,
        downtime_seconds=swapped.downtime_seconds,
        status=swapped.status,
        health=health,
        notes=tuple(notes),
    )


async def _health(plan: RollbackPlan, effects: Effects, status: str, progress: Progress) -> str:
    """What the health query says; a failure is no failure of the rollback, it may be why there was a restore."""
    if plan.health_query is None or status != "running":
        return "not asked"
    progress.report(ProgressEvent("health", subject=plan.name))
    try:
        return await ask_health(effects.agent, plan.canister, plan.health_query, name=plan.name)
    except (Unhealthy, NetworkError) as error:
        return str(error)


async def _delete_used(plan: RollbackPlan, effects: Effects) -> list[str]:
    try:
        await effects.delete_snapshot(plan.canister, plan.snapshot_id)
    except QuriError as error:
        return [f"The snapshot {plan.snapshot_id.hex()} is still on chain and costs cycles: {error}"]
    return []
