"""SIGKILL at random moments of real backups: nothing is lost, little is read twice, and nobody is left stopped."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import cast

import pytest

from quri_console.backup.browse import open_backup
from quri_console.backup.download import MOST_SLICES
from quri_console.backup.interchange import SLICE_BYTES
from quri_console.console import Console
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import identity_from_pem
from quri_console.ic.management import change
from quri_console.ic.prepared import perform
from quri_console.localnet.canister import Canister, RunState
from quri_console.localnet.configuration import (
    CONTROLLER_FILE,
    ConfiguredCanister,
    Controller,
    write_configuration,
    write_private,
)
from quri_console.localnet.management import Invocation
from quri_console.localnet.messages import Reply
from quri_console.localnet.subnet import FIRST_LOCAL_ID, canister_id
from quri_console.repository.pack_format import PACK_BYTES
from quri_console.repository.store import Repository
from quri_console.service.resuming import resume
from tests.support.guinea_pig import read_back
from tests.support.networks import LocalNetwork, local_network
from tests.support.runners import kill_runner

PAGES = 1100
TEXT = f"""
(module
  (memory {PAGES})
  (func (export "canister_init") (local $at i32) (local $x i64)
    (local.set $x (i64.const 88172645463325252))
    (loop $next
      (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 13))))
      (local.set $x (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 7))))
      (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 17))))
      (i64.store (local.get $at) (local.get $x))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const {PAGES * 65536}))))))
"""
READ_TWICE_AT_MOST = MOST_SLICES + -(-PACK_BYTES // SLICE_BYTES) + 3
"""In flight, in the pack that is not stored yet, and in the frames that are still being compressed for it."""


@cache
def noisy_module() -> bytes:
    """A module whose heap does not compress, so that packs fill as fast as slices come."""
    import wasmtime

    return bytes(wasmtime.wat2wasm(TEXT))


@dataclass
class Place:
    """A network with one large canister, an operator's configuration, and what the network was asked for."""

    net: LocalNetwork
    config: Path
    canister: Canister
    console: Console
    reads: Counter[tuple[bytes, str, int]] = field(default_factory=Counter)


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    controller = Controller.make()
    write_private(folder / CONTROLLER_FILE, controller.pem)
    async with local_network(controller=controller) as net:
        async with Agent(net.url, root_key=net.root_key, identity=identity_from_pem(controller.pem)) as agent:
            call = change.provisional_create_canister_with_cycles(Principal(canister_id(FIRST_LOCAL_ID)), amount=10**15)
            canister = cast(Principal, await perform(agent, call))
            await perform(agent, change.install_code(canister, "install", noisy_module()))
        configured = ConfiguredCanister("noisy", canister.to_str(), criticality="medium", health_query=None)
        config = write_configuration(folder, url=net.url, root_key=net.root_key, canisters=[configured])
        opened = Place(net, config, net.network.subnet.get(canister.bytes), Console.open(config_path=config))
        _count_reads(opened)
        yield opened


def _count_reads(opened: Place) -> None:
    management = opened.net.network.management
    method = management._methods["read_canister_snapshot_data"]

    async def handler(invocation: Invocation) -> Reply:
        kind, where = next(iter(invocation.record["kind"].items()))
        opened.reads[invocation.record["snapshot_id"], kind, where.get("offset", 0)] += 1
        return await method.handler(invocation)

    management._methods = {**management._methods, "read_canister_snapshot_data": replace(method, handler=handler)}


async def _killed_at(opened: Place, seconds: float) -> str:
    """The id of a backup whose runner was killed after so many seconds, or had ended by then."""
    handle = await opened.console.start_backup(["noisy"])
    await asyncio.sleep(seconds)
    await asyncio.to_thread(kill_runner, handle.directory)
    while handle.running():  # noqa: ASYNC110 - another process is watched from outside
        await asyncio.sleep(0.02)
    return handle.id


async def _runs_again(opened: Place) -> None:
    """Within five minutes and with nothing run again: the start guard sees to it."""
    async with asyncio.timeout(300):
        while opened.canister.run_state is not RunState.RUNNING:  # noqa: ASYNC110 - the network is watched
            await asyncio.sleep(0.05)


async def _kill_and_resume(opened: Place, randomness: random.Random) -> int:
    """How often slices were read again in one backup that was killed once."""
    opened.reads.clear()
    operation = await _killed_at(opened, randomness.uniform(0.3, 3.5))
    await _runs_again(opened)
    if opened.console.follow(operation).outcome() is None:
        outcome = await resume(opened.console.session, operation).wait()
        assert outcome.ok, outcome
    assert opened.canister.run_state is RunState.RUNNING
    assert not opened.canister.snapshots
    store = Repository.open(opened.console.config.repository.path)
    assert store.unfinished_names() == ()
    heap = read_back(open_backup(store).canister("noisy"))["wasm_memory"]
    assert opened.canister.instance is not None
    assert heap == bytes(opened.canister.instance.capture().heap)
    return sum(times - 1 for times in opened.reads.values())


async def _sweep(folder: Path, moments: int, seed: int) -> None:
    randomness = random.Random(seed)
    for number in range(moments):
        part = folder / str(number)
        part.mkdir()
        async with place(part) as opened:
            again = await _kill_and_resume(opened, randomness)
        assert again <= READ_TWICE_AT_MOST, f"{again} slices were read twice"


async def test_a_backup_killed_at_any_moment_goes_on_and_reads_little_twice(tmp_path: Path) -> None:
    await _sweep(tmp_path, 4, seed=11)


@pytest.mark.sweep
@pytest.mark.timeout(3000)
async def test_a_backup_killed_at_any_of_sixty_moments_goes_on_and_reads_little_twice(tmp_path: Path) -> None:
    await _sweep(tmp_path, 60, seed=12)
