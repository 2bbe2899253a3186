"""What a runner does for a backup."""

from __future__ import annotations

import asyncio
import contextlib

from quri_console.backup.capture import back_up
from quri_console.backup.resume import committed_set, delete_own_snapshots, find_resumable, remove_unfinished
from quri_console.effects.recover import recover
from quri_console.effects.runner import ABORT, Finished, Running
from quri_console.repository.homes import require_only_home
from quri_console.repository.locks import RepositoryLock, acquire
from quri_console.service.backups import already_committed, backup_request, confirmed_names, finished_backup
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
    repository = bench.repository(create=True)
    require_only_home(bench.config.paths.cache, repository.id, repository.backend.location)
    request = backup_request(bench.config, bench.network, running.request, repository)
    effects = bench.effects("backup", canister=confirmed_names(request.targets))
    with bench.locked(*(target.canister for target in request.targets)):
        async with contextlib.aclosing(effects):
            await recover(effects)
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


def _look(running: Running, lock: RepositoryLock) -> None:
    lock.refresh_if_due()
    running.checkpoint()
