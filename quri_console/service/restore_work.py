"""What a runner does for a restore."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from functools import partial

from quri_console.effects.recover import recover
from quri_console.effects.replay import left_stopped
from quri_console.effects.runner import ABORT, Finished, Running, told_to_go_on
from quri_console.errors import LockedError
from quri_console.ic.encoding.principal import Principal
from quri_console.repository.locks import RepositoryLock, acquire
from quri_console.repository.store import Repository
from quri_console.restore.execute import at_once, execute_all
from quri_console.restore.group_plan import members_of, read_any_plan
from quri_console.restore.plan import RestorePlan
from quri_console.service.bench import Bench
from quri_console.service.bring_back_work import work_on_bringing_back
from quri_console.service.restores import PAUSE, UNDO_IF_UNHEALTHY

LOOK_AT_LOCK_SECONDS = 60.0


async def work_on_restore(bench: Bench) -> Finished:
    running = bench.running
    plan = read_any_plan(running.files.directory)
    members = members_of(plan)
    effects = bench.effects(
        "restore",
        canister=plan.name,
        shown=plan.hash,
        root_key_hash=plan.root_key_hash,
        names={member.canister.to_str(): member.name for member in members},
    )
    async with _held(bench, members), contextlib.aclosing(effects):
        # a canister that was left stopped must not wait for a repository that is away, locked or encrypted
        recovered = await recover(effects)
        async with _repository(bench, members) as repository:
            report = await execute_all(
                plan,
                effects,
                repository,
                progress=running.progress,
                undo_if_unhealthy=bool(running.request.parameters.get(UNDO_IF_UNHEALTHY)),
                before_stop=partial(told_to_go_on, running) if running.request.parameters.get(PAUSE) else at_once,
                recovered=recovered,
            )
    names = " and ".join(member.name for member in members)
    was = "was" if len(members) == 1 else "were"
    return Finished(f"{names} {was} restored from {members[0].source.label}", report.result())


@contextlib.asynccontextmanager
async def _held(bench: Bench, members: Sequence[RestorePlan]) -> AsyncIterator[None]:
    """Hold the canisters that are changed, and those whose snapshots are loaded: nobody is to delete one meanwhile.

    Raises LockedError; a canister that an earlier process left stopped is started all the same.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(bench.locked(*_worked_on(members)))
        except LockedError:
            if left_stopped(bench.running.journal.records):
                await work_on_bringing_back(bench)
            raise
        yield


def _worked_on(members: Sequence[RestorePlan]) -> set[Principal]:
    """The canisters that are changed, and those that are only read from; held in one order, whatever they are for."""
    read_from = {member.read_from for member in members if member.read_from is not None}
    return {member.canister for member in members} | read_from


@contextlib.asynccontextmanager
async def _repository(bench: Bench, members: Sequence[RestorePlan]) -> AsyncIterator[Repository | None]:
    """The repository, held against a prune; None where nothing is read from it."""
    running = bench.running
    # who ends one that died may have no passphrase for it, and nothing is loaded any more
    if running.files.asked(ABORT) or all(member.source.kind == "snapshot" for member in members):
        yield None
        return
    repository = bench.repository()
    holder = f"restore {running.request.id}"
    # optional: a repository that may only be read is good enough to restore from
    with await asyncio.to_thread(
        partial(acquire, repository.backend, "shared", holder, running.clock, optional=True)
    ) as lock:
        refreshing = asyncio.create_task(_refresh(lock, running))
        try:
            yield repository
        finally:
            refreshing.cancel()


async def _refresh(lock: RepositoryLock, running: Running) -> None:
    """Keep a lock alive beside work that has no checkpoints of its own."""
    while True:
        await running.clock.sleep(LOOK_AT_LOCK_SECONDS)
        await asyncio.to_thread(lock.refresh_if_due)
