"""Making a plan: reads the backup and the live canister, decides, and changes nothing."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from quri_console.backup.bill import snapshot_bytes, storage_cycles_per_day
from quri_console.backup.compare import compare_backup_with_live
from quri_console.backup.comparison import Comparison
from quri_console.backup.plan import answered_soon, read_status
from quri_console.backup.target import BackupTarget
from quri_console.clock import Clock, utc_datetime
from quri_console.effects.lock import lock_holder
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.management.types import CanisterStatus
from quri_console.progress import Progress
from quri_console.repository.store import Repository
from quri_console.restore import preflight, words
from quri_console.restore.bill import balances, charges_of_restore
from quri_console.restore.health import health_query_of
from quri_console.restore.plan import LiveState, RestorePlan, Source, Step
from quri_console.restore.sources import RestorePoint, find, open_point, whole_seconds_ns

UPLOADS_AT_ONCE = 8
# stop, status, take, load, status, start: certified answers one after the other
CALLS_WHILE_STOPPED = 6


@dataclass(frozen=True, slots=True)
class RestoreWish:
    """What the operator asks for."""

    network: str
    production: bool
    canister: Principal
    name: str
    source: str
    stop_timeout_seconds: int
    health_query: str | None
    """As configured; None leaves it to the canister's published interface."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """The live canister as it was read, and how long a certified answer took."""

    status: CanisterStatus
    snapshots: tuple[bytes, ...]
    at_ns: int
    seconds_per_call: float


async def plan_restore(
    agent: Agent, wish: RestoreWish, *, repository: Repository, locks: Path, clock: Clock, progress: Progress
) -> RestorePlan:
    """What restoring would do, cost and need; has no effects.

    Raises BackupNotFound, CorruptionError for a restore point that is not whole, NotAuthorised, NetworkError.
    """
    root_key_hash = hashlib.sha256(agent.root_key).digest()
    set_path = await asyncio.to_thread(find, repository, wish.canister, wish.source, root_key_hash=root_key_hash)
    point = await asyncio.to_thread(open_point, repository, set_path, wish.canister, progress)
    async with answered_soon(agent):
        looked = await _look(agent, wish, clock)
    if wish.health_query is None:
        wish = replace(wish, health_query=await health_query_of(agent, wish.canister))
    holder = lock_holder(locks, root_key_hash, wish.canister.to_str())
    return _plan(agent, wish, point, looked, holder)


async def _look(agent: Agent, wish: RestoreWish, clock: Clock) -> _Looked:
    snapshots = await list_canister_snapshots_if_allowed(agent, wish)
    started = clock.monotonic()
    status = await read_status(agent, BackupTarget(wish.canister, wish.name))
    return _Looked(status, snapshots, clock.now_ns(), clock.monotonic() - started)


async def list_canister_snapshots_if_allowed(agent: Agent, wish: RestoreWish) -> tuple[bytes, ...]:
    """Ids of the canister's snapshots; the status is read first, because its refusal is worded."""
    await read_status(agent, BackupTarget(wish.canister, wish.name))
    return tuple(snapshot.id for snapshot in await list_canister_snapshots(agent, wish.canister))


def _plan(agent: Agent, wish: RestoreWish, point: RestorePoint, looked: _Looked, holder: str | None) -> RestorePlan:
    status, metadata = looked.status, point.stored.metadata
    comparison = compare_backup_with_live(point.stored, status, read_at=utc_datetime(looked.at_ns))
    safety = status.module_hash is not None
    charges = charges_of_restore(status, point.state_bytes, point.upload, safety=safety)
    after = balances(status, charges)
    hook_sent = preflight.hook_status_holds(metadata, status.settings)
    downtime = _downtime(status, looked.seconds_per_call)
    taken_at_ns = whole_seconds_ns(point.stored.taken_at)
    root_key_hash = hashlib.sha256(agent.root_key).digest()
    return RestorePlan(
        network=wish.network,
        production=wish.production,
        root_key_hash=root_key_hash,
        canister=wish.canister,
        name=wish.name,
        made_at_ns=looked.at_ns,
        source=_source(point, taken_at_ns),
        live=_live(status, looked),
        differences=words.differences(comparison),
        not_coming_back=_not_coming_back(comparison, looked, taken_at_ns, point, hook_sent),
        steps=tuple(Step(c.step, c.cycles, c.step in ("stop", "safety snapshot", "load")) for c in charges),
        balances=after,
        storage_cycles_per_day=storage_cycles_per_day(status, snapshot_bytes(status)) if safety else 0,
        downtime_seconds=downtime,
        duration_seconds=downtime + _upload_seconds(point, looked.seconds_per_call),
        checks=preflight.checks(
            preflight.Facts(
                sender=agent.identity.sender,
                status=status,
                snapshots=len(looked.snapshots),
                balances=after,
                backup_root_key_hash=point.stored.network.root_key_hash,
                root_key_hash=root_key_hash,
                backup_label=point.stored.label,
                globals_known=None not in metadata.globals,
                lock_holder=holder,
            )
        ),
        safety_snapshot=safety,
        send_hook_status=hook_sent,
        stop_timeout_seconds=wish.stop_timeout_seconds,
        health_query=wish.health_query,
        not_compared=words.not_compared(comparison, production=wish.production),
    )


def _source(point: RestorePoint, taken_at_ns: int) -> Source:
    return Source(
        set_path=point.set_path,
        label=point.stored.label,
        taken_at_ns=taken_at_ns,
        mode=point.stored.mode,
        module_hash=point.stored.module_hash,
        manifest_sha256=point.manifest_sha256,
        state_bytes=point.state_bytes,
        sent_bytes=point.upload.sent_bytes,
        skipped_bytes=point.upload.skipped_bytes,
    )


def _live(status: CanisterStatus, looked: _Looked) -> LiveState:
    return LiveState(
        taken_at_ns=looked.at_ns,
        status=status.status,
        module_hash=status.module_hash,
        version=status.version,
        cycles=status.cycles,
        freezing_limit=status.freezing_limit_cycles,
        memory_bytes=status.memory_bytes,
        controllers=status.settings.controllers,
        snapshots=looked.snapshots,
    )


def _not_coming_back(
    comparison: Comparison, looked: _Looked, taken_at_ns: int, point: RestorePoint, hook_sent: bool
) -> tuple[str, ...]:
    return words.not_coming_back(
        comparison,
        looked.status,
        age_ns=max(looked.at_ns - taken_at_ns, 0),
        timer=point.stored.metadata.global_timer,
        hook_sent=hook_sent,
    )


def _downtime(status: CanisterStatus, seconds_per_call: float) -> int:
    if status.status != "running":
        return 0
    return max(1, round(CALLS_WHILE_STOPPED * seconds_per_call + 0.5))


def _upload_seconds(point: RestorePoint, seconds_per_call: float) -> int:
    messages = len(point.upload.slices) + len(point.upload.chunks)
    return round((messages / UPLOADS_AT_ONCE + 3) * seconds_per_call + 0.5)
