"""What a runner does for a backup."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from quri_console.backup.capture import back_up
from quri_console.backup.resume import committed_set, delete_own_snapshots, find_resumable, remove_unfinished
from quri_console.effects.journal import Record
from quri_console.effects.recover import recover
from quri_console.effects.replay import attempts
from quri_console.effects.runner import ABORT, Finished, Running
from quri_console.repository.homes import require_only_home
from quri_console.repository.locks import RepositoryLock, acquire
from quri_console.service.backups import (
    already_committed,
    backup_request,
    backup_targets,
    confirmed_names,
    finished_backup,
)
from quri_console.service.bench import Bench
from quri_console.service.duty_heartbeat import heartbeats_of


async def work_on_backup(bench: Bench) -> Finished:
    running = bench.running
    async with heartbeats_of(bench.config, "backup", running.request.id, running.clock) as ending:
        finished = await _backup(bench)
        ending.exit_code = finished.exit_code
    return finished


async def _backup(bench: Bench) -> Finished:
    running = bench.running
    targets = backup_targets(bench.config, running.request.canisters)
    effects = bench.effects("backup", canister=confirmed_names(targets))
    with bench.locked(*(target.canister for target in targets)):
        async with contextlib.aclosing(effects):
            # first: what an earlier process left stopped must not wait for a repository that is away
            await recover(effects)
            # one that began before has a repository: an empty one in its place would be a disk that is not mounted
            repository = bench.repository(create=not any_effect(running.journal.records))
            require_only_home(bench.config.paths.cache, repository.id, repository.backend.location)
            request = backup_request(bench.config, bench.network, running.request, repository)
            if running.files.asked(ABORT):
                await remove_unfinished(effects, repository)
                running.checkpoint()
            # an earlier process of this operation may have been killed on either side of the commit
            records = running.journal.records
            committed = await asyncio.to_thread(committed_set, records, repository)
            if committed is not None:
                await delete_own_snapshots(effects)
                return already_committed(committed)
            holder = f"backup {running.request.id}"
            with await asyncio.to_thread(acquire, repository.backend, "shared", holder, running.clock) as lock:
                result = await back_up(
                    request,
                    effects,
                    clock=running.clock,
                    progress=running.progress,
                    checkpoint=lambda: _look(running, lock),
                    resumed=await asyncio.to_thread(find_resumable, records, repository),
                )
    return finished_backup(result)


def any_effect(records: Sequence[Record]) -> bool:
    """Whether an earlier process of this operation attempted anything."""
    return bool(attempts(records))


def _look(running: Running, lock: RepositoryLock) -> None:
    lock.refresh_if_due()
    running.checkpoint()
