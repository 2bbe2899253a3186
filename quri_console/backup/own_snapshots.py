"""Which snapshots on chain are this tool's to delete; one that nobody can attribute is an operator's."""

from __future__ import annotations

from collections.abc import Sequence

from quri_console.backup.target import BackupTarget
from quri_console.errors import RefusedBySafetyRule
from quri_console.ic.agent import Agent
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.management.types import MAX_SNAPSHOTS


async def snapshot_to_replace(agent: Agent, target: BackupTarget, own: Sequence[bytes]) -> bytes | None:
    """The oldest snapshot of ours when the canister has as many as it may, None when there is room.

    Raises RefusedBySafetyRule when all of them are somebody else's.
    """
    snapshots = await list_canister_snapshots(agent, target.canister)
    if len(snapshots) < MAX_SNAPSHOTS:
        return None
    ours = [snapshot for snapshot in snapshots if snapshot.id in own]
    if ours:
        return min(ours, key=lambda snapshot: snapshot.taken_at_ns).id
    raise RefusedBySafetyRule(
        f"{target.name} already has {len(snapshots)} snapshots",
        why=f"At most {MAX_SNAPSHOTS} are possible, and none of them is this tool's to delete.",
        next_step="Delete one that is no longer needed: icp canister snapshot delete "
        f"{target.canister.to_str()} SNAPSHOT_ID",
    )


async def snapshots_to_delete(agent: Agent, target: BackupTarget, own: Sequence[bytes]) -> tuple[bytes, ...]:
    """Snapshots of ours beyond the newest `keep_on_chain`, oldest first."""
    there = [snapshot for snapshot in await list_canister_snapshots(agent, target.canister) if snapshot.id in own]
    there.sort(key=lambda snapshot: snapshot.taken_at_ns)
    return tuple(snapshot.id for snapshot in there[: max(0, len(there) - target.keep_on_chain)])
