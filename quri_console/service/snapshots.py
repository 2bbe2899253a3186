"""The snapshots that the fleet has on chain: whose they are, what they cost, and deleting those not needed any more."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
from typing import TYPE_CHECKING

from quri_console.effects.gate import OperationKind, check_wanted
from quri_console.errors import QuriError, RefusedBySafetyRule
from quri_console.restore.chain_snapshots import (
    UNKNOWN_OWNER,
    CanisterSnapshots,
    ChainSnapshot,
    Ownership,
    SnapshotsView,
    whose,
)
from quri_console.service.following import OperationHandle
from quri_console.service.operations import intention, new_request, principal_of, start_operation
from quri_console.service.session import Session
from quri_console.service.snapshot_owners import owners

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quri_console.config.model import CanisterConfig
    from quri_console.ic.agent import Agent
    from quri_console.ic.encoding.principal import Principal
    from quri_console.restore.snapshot_deletion import DeletionPlan, SnapshotToDelete

CANISTERS_AT_ONCE = 8
KIND: OperationKind = "delete-snapshot"


async def snapshots(session: Session, canister: str | None = None) -> SnapshotsView:
    """The snapshots of the fleet or of one canister; no effects. Raises UsageError, NotAuthorised, NetworkError."""
    from quri_console.service.restores import operating_agent

    wanted = session.config.canisters if canister is None else (session.config.canister(canister),)
    async with operating_agent(session) as (agent, production):
        known = await asyncio.to_thread(owners, session, agent.root_key)
        turn = asyncio.Semaphore(CANISTERS_AT_ONCE)
        alone = canister is not None
        found = await asyncio.gather(*(_look(agent, target, known, turn, alone=alone) for target in wanted))
        root_key_hash = hashlib.sha256(agent.root_key).digest()
        return SnapshotsView(session.network.name, production, root_key_hash, session.clock.now_ns(), tuple(found))


async def _look(
    agent: Agent, target: CanisterConfig, known: dict[bytes, Ownership], turn: asyncio.Semaphore, *, alone: bool
) -> CanisterSnapshots:
    """One canister that cannot be read hides no other, unless it was asked for alone."""
    principal = principal_of(target)
    async with turn:
        try:
            return CanisterSnapshots(principal, target.name, await _read(agent, principal, target.name, known))
        except QuriError as error:
            if alone:
                raise
            return CanisterSnapshots(principal, target.name, failure=str(error))


async def _read(
    agent: Agent, canister: Principal, name: str, known: dict[bytes, Ownership]
) -> tuple[ChainSnapshot, ...]:
    from quri_console.backup.bill import storage_cycles_per_day
    from quri_console.backup.plan import read_status
    from quri_console.backup.target import BackupTarget
    from quri_console.ic.management.read import list_canister_snapshots

    # the status first, because its refusal is worded
    status = await read_status(agent, BackupTarget(canister, name))
    return tuple(
        ChainSnapshot(
            id=item.id,
            taken_at_ns=item.taken_at_ns,
            size_bytes=item.total_size_bytes,
            cycles_per_day=storage_cycles_per_day(status, item.total_size_bytes),
            ownership=known.get(item.id, UNKNOWN_OWNER),
        )
        for item in await list_canister_snapshots(agent, canister)
    )


async def plan_deletion(session: Session, canister: str, snapshot: str) -> DeletionPlan:
    """What deleting a snapshot (its id in hex, or how that begins) would do; no effects.

    Raises RefusedBySafetyRule when there is none, or when an operation still needs it.
    """
    view = await snapshots(session, canister)
    (found,) = view.canisters
    wanted = [item for item in found.snapshots if snapshot and item.id.hex().startswith(snapshot.lower())]
    if len(wanted) != 1:
        raise RefusedBySafetyRule(
            f"{len(wanted) or 'no'} snapshot{'s' if len(wanted) > 1 else ''} of {found.name} "
            f"begin{'s' if len(wanted) == 0 else ''} with {snapshot!r}",
            next_step=f"See them: quri-console snapshots {found.name}",
        )
    (item,) = wanted
    if item.ownership.owner == "in use":
        raise RefusedBySafetyRule(
            f"{item.ownership.operation} still needs snapshot {item.id.hex()}",
            why="it runs, or it was interrupted and is to go on",
            next_step=f"Wait for it, or end it: quri-console operations abort {item.ownership.operation}",
        )
    return _plan(view, [(found, item)])


async def plan_cleaning(session: Session, canister: str | None = None) -> DeletionPlan | None:
    """Which of our own snapshots are not needed any more; None when there are none. No effects."""
    view = await snapshots(session, canister)
    expired = [
        (found, item) for found in view.canisters for item in found.snapshots if item.ownership.expired(view.at_ns)
    ]
    return _plan(view, expired) if expired else None


def _plan(view: SnapshotsView, chosen: Sequence[tuple[CanisterSnapshots, ChainSnapshot]]) -> DeletionPlan:
    from quri_console.restore.snapshot_deletion import DeletionPlan

    return DeletionPlan(
        network=view.network,
        production=view.production,
        root_key_hash=view.root_key_hash,
        name=",".join(dict.fromkeys(found.name for found, _ in chosen)),
        made_at_ns=view.at_ns,
        snapshots=tuple(_to_delete(found, item, view.at_ns) for found, item in chosen),
    )


def _to_delete(found: CanisterSnapshots, item: ChainSnapshot, now_ns: int) -> SnapshotToDelete:
    from quri_console.restore.snapshot_deletion import SnapshotToDelete

    return SnapshotToDelete(
        canister=found.canister,
        name=found.name,
        snapshot_id=item.id,
        taken_at_ns=item.taken_at_ns,
        size_bytes=item.size_bytes,
        whose=whose(item.ownership),
        is_way_back=item.ownership.owner == "safety" and not item.ownership.expired(now_ns),
    )


async def start_deletion(
    session: Session, plan: DeletionPlan, *, confirmation: str, force: bool = False, reason: str | None = None
) -> OperationHandle:
    """Delete snapshots in a runner. Raises RefusedBySafetyRule."""
    from quri_console.restore.plan import plan_hash, write_plan

    check_wanted(
        intention(session, KIND, production=plan.production, canister=plan.name, confirmation=confirmation, force=force)
    )
    names = tuple(dict.fromkeys(item.name for item in plan.snapshots))
    request = new_request(session, KIND, names, "operate", reason)
    request = dataclasses.replace(request, confirmation=confirmation, force=force, plan_hash=plan_hash(plan))
    return await start_operation(session, request, prepare=lambda files: write_plan(files.directory, plan))
