"""Making a plan: reads the restore point and the live canister, decides, and changes nothing."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

from quri_console.backup.live_side import OnChain
from quri_console.backup.plan import answered_soon
from quri_console.clock import Clock
from quri_console.config.model import HealthCheck
from quri_console.effects.lock import lock_holder
from quri_console.effects.lockdown import read_lockdown
from quri_console.errors import CorruptionError
from quri_console.ic.agent import Agent
from quri_console.ic.public import controllers, subnet_id_of
from quri_console.progress import Progress
from quri_console.repository.errors import RepositoryMissing
from quri_console.repository.store import Repository
from quri_console.restore.health import health_query_of, require_usable
from quri_console.restore.look import look_at
from quri_console.restore.picture import newest_copy
from quri_console.restore.plan import RestorePlan
from quri_console.restore.plan_making import Around, made_plan
from quri_console.restore.source_copy import SourceCopy, chain_copy, stored_copy
from quri_console.restore.sources import find, is_on_chain, open_point
from quri_console.restore.wish import RestoreWish

__all__ = ["RestoreWish", "plan_restore"]


async def plan_restore(
    agent: Agent, wish: RestoreWish, *, repository: Repository | None, locks: Path, clock: Clock, progress: Progress
) -> RestorePlan:
    """What restoring would do, cost and need; has no effects.

    `locks` lie in the state folder. Without a repository only snapshots on chain can be restored from. Raises
    BackupNotFound, CorruptionError for a restore point that is not whole, NotAuthorised, NetworkError.
    """
    require_usable(wish.health_checks)
    root_key_hash = hashlib.sha256(agent.root_key).digest()
    copy = await _opened(agent, wish, repository, root_key_hash, clock, progress)
    async with answered_soon(agent):
        looked = await look_at(agent, wish.canister, wish.name, clock)
        cross = copy.source.kind == "snapshot" and wish.source_canister != wish.canister
        source_subnet = await subnet_id_of(agent, wish.source_canister) if cross else None
        source_controllers = await controllers(agent, wish.source_canister) if cross else None
        if not wish.health_checks and (found := await health_query_of(agent, wish.canister)) is not None:
            wish = replace(wish, health_checks=(HealthCheck(found),))
    around = Around(
        holder=_holder(locks, root_key_hash, wish, cross=cross),
        lockdown=read_lockdown(locks.parent),
        free_bytes=_free_bytes(locks),
        source_subnet=source_subnet,
        source_controllers=source_controllers,
        newest=await newest_copy(repository, wish.canister, root_key_hash, copy),
    )
    return made_plan(wish, copy, looked, around, sender=agent.identity.sender, root_key_hash=root_key_hash)


def _holder(locks: Path, root_key_hash: bytes, wish: RestoreWish, *, cross: bool) -> str | None:
    """Who works on the canister now, or on the one whose snapshot is to be loaded, in words."""
    holder = lock_holder(locks, root_key_hash, wish.canister.to_str())
    if holder is not None or not cross:
        return holder
    of_source = lock_holder(locks, root_key_hash, wish.source_canister.to_str())
    return None if of_source is None else f"{of_source} works on {wish.source_name}, whose snapshot is to be loaded"


async def _opened(
    agent: Agent,
    wish: RestoreWish,
    repository: Repository | None,
    root_key_hash: bytes,
    clock: Clock,
    progress: Progress,
) -> SourceCopy:
    owner, name = wish.source_canister, wish.source_name
    if is_on_chain(wish.source):
        async with answered_soon(agent):
            on_chain = OnChain(agent, owner, name, root_key_hash, clock)
            return await chain_copy(on_chain, wish.source, wish.canister, wish.passed_over)
    if repository is None:
        raise RepositoryMissing(
            "There is no repository, so there is no backup to restore from",
            next_step="Set [repository] path in the configuration, or restore from a snapshot on chain: "
            "--from snapshot:latest.",
        )
    set_path = await asyncio.to_thread(find, repository, owner, wish.source, root_key_hash=root_key_hash, name=name)
    try:
        point = await asyncio.to_thread(open_point, repository, set_path, owner, progress)
        return await stored_copy(point, wish.canister)
    except CorruptionError as error:
        raise CorruptionError(
            f"the backup at {set_path} is damaged, so nothing is restored from it",
            why=str(error),
            next_step=f"Choose another restore point: quri-console restore {name} shows them. "
            "quri-console check tells what else is damaged.",
        ) from error


def _free_bytes(folder: Path) -> int | None:
    """What is free where operations are journalled; None where that cannot be told."""
    try:
        return shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free
    except OSError:
        return None  # whoever writes there says so
