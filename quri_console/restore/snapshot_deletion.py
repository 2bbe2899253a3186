"""Deleting snapshots from the network: the plan as a value, and carrying it out."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.effects.perform import Effects
from quri_console.effects.recover import recover
from quri_console.ic.encoding.principal import Principal
from quri_console.progress import Progress, ProgressEvent


@dataclass(frozen=True, slots=True)
class SnapshotToDelete:
    """One snapshot. `taken_at_ns` since 1970."""

    canister: Principal
    name: str
    snapshot_id: bytes
    taken_at_ns: int
    size_bytes: int
    whose: str
    """In words."""
    is_way_back: bool = False
    """Whether an operation can be rolled back by it until it is deleted."""


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """Which snapshots would go; confirmed by its hash."""

    network: str
    production: bool
    root_key_hash: bytes
    name: str
    """Of the canister, or of all, joined by commas: what is typed."""
    made_at_ns: int
    snapshots: tuple[SnapshotToDelete, ...]


async def delete_snapshots(plan: DeletionPlan, effects: Effects, *, progress: Progress) -> dict[str, object]:
    """Delete them one after the other; what the outcome keeps. One that is gone already is as good.

    Raises Rejected, EffectUndecided, NetworkError, Cancelled.
    """
    await recover(effects)
    for number, snapshot in enumerate(plan.snapshots, 1):
        progress.report(ProgressEvent("delete", number, len(plan.snapshots), "snapshots", subject=snapshot.name))
        effects.checkpoint()
        await effects.delete_snapshot(snapshot.canister, snapshot.snapshot_id)
    return {
        "deleted": [
            {"canister": item.canister.to_str(), "name": item.name, "snapshot_id": item.snapshot_id.hex()}
            for item in plan.snapshots
        ],
        "freed_bytes": sum(item.size_bytes for item in plan.snapshots),
    }
