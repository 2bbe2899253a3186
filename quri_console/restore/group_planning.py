"""Making the plan of a whole group out of one set in which its copies are one cut; has no effects."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from quri_console.backup.browse import LATEST, OpenBackup, open_backup, readable_backups
from quri_console.clock import Clock
from quri_console.errors import RefusedBySafetyRule, UsageError
from quri_console.homes import spelt_out
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.progress import Progress
from quri_console.repository.sets import BACKUPS_FOLDER
from quri_console.repository.store import Repository
from quri_console.restore.group_plan import GroupPlan
from quri_console.restore.planning import plan_restore
from quri_console.restore.sources import is_on_chain, repository_at
from quri_console.restore.wish import RestoreWish


async def plan_group(
    agent: Agent,
    group: str,
    wishes: Sequence[RestoreWish],
    *,
    repository: Repository,
    locks: Path,
    clock: Clock,
    progress: Progress,
) -> GroupPlan:
    """One plan for all members, in the order in which they are started; all are restored from the same set.

    Raises RefusedBySafetyRule for a set in which the group is not one cut or not whole, and as `plan_restore`.
    """
    root_key_hash = hashlib.sha256(agent.root_key).digest()
    members = tuple(wish.canister for wish in wishes)
    backup = await asyncio.to_thread(_set_of, repository, group, wishes[0].source, members, root_key_hash)
    require_one_cut(backup, group, {wish.canister: wish.name for wish in wishes})
    path = f"{backup.repository.backend.location}/{BACKUPS_FOLDER}/{backup.name}"
    plans = []
    for wish in wishes:
        chosen = replace(wish, source=path, with_group=True)
        plans.append(
            await plan_restore(agent, chosen, repository=repository, locks=locks, clock=clock, progress=progress)
        )
    return GroupPlan(
        network=wishes[0].network,
        production=wishes[0].production,
        root_key_hash=root_key_hash,
        name=group,
        made_at_ns=clock.now_ns(),
        members=tuple(plans),
    )


def _set_of(
    repository: Repository, group: str, source: str, members: Sequence[Principal], root_key_hash: bytes
) -> OpenBackup:
    """The set that is meant; `latest` is the newest of this network in which the group is one cut."""
    if is_on_chain(source):
        raise UsageError(
            f"A group is restored from one backup set, not from {source}",
            next_step="Name a backup: `quri-console list` shows what there is.",
        )
    if "/" in source:
        return open_backup(*repository_at(repository, str(spelt_out(source).resolve())))
    if source != LATEST:
        return open_backup(repository, source)
    for backup in readable_backups(repository):
        held = {entry.canister for entry in backup.manifest.canisters if entry.has_state}
        same = backup.manifest.network.root_key_hash == root_key_hash
        if same and held.issuperset(members) and _window(backup, group):
            return backup
    raise RefusedBySafetyRule(
        f"no backup holds the group {group} as one cut",
        why="its canisters have never been stopped together for a backup that can be read here",
        next_step="Restore its canisters one by one, knowing that they will disagree, or look through "
        "`quri-console list`.",
    )


def require_one_cut(backup: OpenBackup, group: str, members: dict[Principal, str]) -> None:
    """Raise RefusedBySafetyRule when the set does not hold these canisters as one consistent group."""
    held = {entry.canister: entry for entry in backup.manifest.canisters if entry.has_state}
    missing = [name for canister, name in members.items() if canister not in held]
    if missing:
        raise RefusedBySafetyRule(
            f"backup {backup.name} does not hold all of the group {group}",
            why=f"{', '.join(missing)} is missing" if len(missing) == 1 else f"{', '.join(missing)} are missing",
            next_step="Choose another backup, or restore canisters one by one.",
        )
    strays = [name for canister, name in members.items() if held[canister].group != group]
    if not _window(backup, group) or strays:
        reason = next((found.reason for found in backup.manifest.groups if found.name == group), "")
        raise RefusedBySafetyRule(
            f"the group {group} is no consistent cut in backup {backup.name}",
            why=reason or "its canisters were not stopped together",
            next_step="Choose a backup in which it is one (`quri-console list`), or restore canisters one by one, "
            "knowing that they will disagree.",
        )


def _window(backup: OpenBackup, group: str) -> bool:
    return any(found.name == group and found.consistent for found in backup.manifest.groups)
