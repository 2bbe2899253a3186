"""A snapshot that is on chain already, looked at before it is copied."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from quri_console.backup.download import SnapshotSource
from quri_console.backup.plan import read_status, require_possible
from quri_console.backup.take import Subject
from quri_console.backup.target import BackupTarget
from quri_console.clock import Clock
from quri_console.errors import UsageError
from quri_console.ic.agent import Agent
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.management.types import Snapshot


async def look_before_reuse(agent: Agent, target: BackupTarget, clock: Clock) -> Subject:
    """The canister and the snapshot that `target` names. Raises UsageError when it has no such snapshot, Rejected.

    The three questions are asked at once: one after the other they would take three round trips.
    """
    source = SnapshotSource(agent, target.canister, target.reuse or b"", clock)
    status, snapshots, metadata = await asyncio.gather(
        read_status(agent, target),
        list_canister_snapshots(agent, target.canister),
        source.metadata(),
        return_exceptions=True,
    )
    if isinstance(status, BaseException):
        raise status
    require_possible(target, status, "reuse")
    if isinstance(snapshots, BaseException):
        raise snapshots
    existing = _named(target, snapshots)
    if isinstance(metadata, BaseException):
        raise metadata
    return Subject(target, status, existing=existing, metadata=metadata)


def _named(target: BackupTarget, snapshots: Sequence[Snapshot]) -> Snapshot:
    for snapshot in snapshots:
        if snapshot.id == target.reuse:
            return snapshot
    there = ", ".join(snapshot.id.hex() for snapshot in snapshots)
    wanted = target.reuse.hex() if target.reuse else "none was named"
    raise UsageError(
        f"{target.name} has no snapshot {wanted}",
        why=f"It has {there}." if there else "It has no snapshot at all.",
        next_step="Name one of these with --snapshot, or use another --mode.",
    )
