"""The runner's entry, `python -m quri_console.service.runner_main FOLDER`: from a kind of operation to the work."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from quri_console.backup.capture import back_up
from quri_console.backup.resume import committed_set, delete_own_snapshots, find_resumable, remove_unfinished
from quri_console.config import Config, NetworkConfig, load_config
from quri_console.effects.gate import Intention, OperationKind, admit
from quri_console.effects.journal import JOURNAL_NAME, Record, read_records
from quri_console.effects.lock import operate_lock
from quri_console.effects.perform import Effects
from quri_console.effects.recover import recover
from quri_console.effects.runner import ABORT, Finished, Running, run
from quri_console.errors import UsageError
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import identity_from_pem
from quri_console.repository.errors import RepositoryMissing
from quri_console.repository.homes import require_only_home
from quri_console.repository.local import LocalBackend
from quri_console.repository.locks import RepositoryLock, acquire
from quri_console.repository.store import Repository, create_repository
from quri_console.restore.execute import execute
from quri_console.restore.plan import RestorePlan, plan_hash, read_plan
from quri_console.restore.rollback import RollbackPlan, roll_back
from quri_console.service.backups import already_committed, backup_request, confirmed_names, finished_backup
from quri_console.service.connect import as_shown, root_key_of
from quri_console.service.duty_heartbeat import heartbeats_of
from quri_console.service.operations import locks_folder
from quri_console.service.repositories import open_repository

ADMITTED = "admitted"
LOOK_AT_LOCK_SECONDS = 60.0


def admitted_on(records: Iterable[Record]) -> bytes:
    """SHA-256 of the root key of the network that an operation was let through to; empty before it was."""
    return next((bytes.fromhex(r.fields["root_key_sha256"]) for r in records if r.event == ADMITTED), b"")


@dataclass(frozen=True, slots=True)
class _Bench:
    """What every kind of work needs."""

    running: Running
    config: Config
    network: NetworkConfig
    agent: Agent

    def effects(
        self, kind: OperationKind, *, canister: str = "", shown: str = "", root_key_hash: bytes = b""
    ) -> Effects:
        """The effects of this operation, once the gate has let it through."""
        request = self.running.request
        permit = admit(
            Intention(
                kind=kind,
                network=self.network.name,
                production=self.network.production,
                read_only=False,
                canister=canister,
                confirmation=request.confirmation,
                force=request.force,
                planned_hash=request.plan_hash,
                present_hash=shown,
                # a resumed operation belongs to the network that it began on, whatever its URL leads to by now
                planned_root_key_hash=root_key_hash or admitted_on(self.running.journal.records),
            ),
            self.agent.root_key,
        )
        self.running.journal.append(
            ADMITTED, operation=request.id, kind=kind, network=self.network.name,
            root_key_sha256=permit.root_key_hash.hex(), plan_hash=request.plan_hash, reason=request.reason,
            principal=self.agent.identity.sender.to_str(),
        )  # fmt: skip
        return Effects(
            self.agent, self.running.journal, permit, clock=self.running.clock, checkpoint=self.running.checkpoint
        )

    def repository(self, *, create: bool = False) -> Repository:
        """The configured repository; made in the clear when `create` and there is none. Raises as opening does."""
        passphrase = self.running.key.repository_passphrase
        ask = None if passphrase is None else lambda: passphrase
        try:
            return open_repository(self.config, self.running.clock, ask_passphrase=ask)
        except RepositoryMissing:
            if not create:
                raise
        create_repository(LocalBackend(self.config.repository.path), clock=self.running.clock)
        return open_repository(self.config, self.running.clock)

    @contextlib.contextmanager
    def locked(self, *canisters: Principal) -> Iterator[None]:
        """Hold the canisters for this operation, in an order that cannot deadlock."""
        root_key_hash = hashlib.sha256(self.agent.root_key).digest()
        with contextlib.ExitStack() as stack:
            for canister in sorted(canister.to_str() for canister in canisters):
                lock = operate_lock(locks_folder(self.config), root_key_hash, canister, self.running.request.id)
                stack.enter_context(lock)
            yield


async def work(running: Running) -> Finished:
    """Do what the request says. Raises what the work of its kind raises."""
    request = running.request
    config = load_config(Path(request.config_path))
    network = config.network(request.network)
    passphrase = running.key.passphrase
    identity = identity_from_pem(running.key.pem, None if passphrase is None else lambda: passphrase)
    root_key = await root_key_of(network)
    async with Agent(network.url, root_key=root_key, identity=identity, clock=running.clock) as agent:
        bench = _Bench(running, config, as_shown(network, root_key), agent)
        kinds = {"backup": _told_backup, "restore": _restore, "rollback": _rollback}
        if request.kind not in kinds:
            raise UsageError(f"{request.kind} is no kind of operation")
        return await kinds[request.kind](bench)


async def _told_backup(bench: _Bench) -> Finished:
    running = bench.running
    async with heartbeats_of(bench.config, "backup", running.request.id, running.clock) as ending:
        finished = await _backup(bench)
        ending.exit_code = finished.exit_code
    return finished


async def _backup(bench: _Bench) -> Finished:
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


async def _refresh(lock: RepositoryLock, running: Running) -> None:
    """Keep a lock alive beside work that has no checkpoints of its own."""
    while True:
        await running.clock.sleep(LOOK_AT_LOCK_SECONDS)
        await asyncio.to_thread(lock.refresh_if_due)


async def _restore(bench: _Bench) -> Finished:
    running = bench.running
    plan = read_plan(running.files.directory, RestorePlan)
    effects = bench.effects("restore", canister=plan.name, shown=plan.hash, root_key_hash=plan.root_key_hash)
    with bench.locked(plan.canister):
        async with contextlib.aclosing(effects):
            repository = bench.repository()
            holder = f"restore {running.request.id}"
            # optional: a repository that may only be read is good enough to restore from
            with await asyncio.to_thread(
                partial(acquire, repository.backend, "shared", holder, running.clock, optional=True)
            ) as lock:
                refreshing = asyncio.create_task(_refresh(lock, running))
                try:
                    report = await execute(plan, effects, repository, clock=running.clock, progress=running.progress)
                finally:
                    refreshing.cancel()
    return Finished(f"{plan.name} was restored from {plan.source.label}", report.result())


async def _rollback(bench: _Bench) -> Finished:
    running = bench.running
    plan = read_plan(running.files.directory, RollbackPlan)
    # the ids of snapshots tell the canister, not the network: another one may know the same id
    restore = running.files.directory.parent / plan.operation / JOURNAL_NAME
    effects = bench.effects(
        "rollback",
        canister=plan.name,
        shown=plan_hash(plan),
        root_key_hash=admitted_on(read_records(restore)[0]),
    )
    with bench.locked(plan.canister):
        async with contextlib.aclosing(effects):
            report = await roll_back(plan, effects, clock=running.clock, progress=running.progress)
    return Finished(f"{plan.name} has the state before {plan.operation} again", report.result())


if __name__ == "__main__":
    raise SystemExit(run(Path(sys.argv[1]), work, sys.stdin.buffer))
