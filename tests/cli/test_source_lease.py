"""While another canister's snapshot is loaded nobody else works on that canister: its snapshot must stay until then."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from quri_console.config import load_config
from quri_console.effects.lock import operate_lock
from quri_console.ic.encoding.principal import parse_principal
from quri_console.localnet.canister import RunState
from quri_console.localnet.demo_fleet import FLEET
from quri_console.localnet.faults import Delay, FaultRule
from tests.support.damaged_canister import CANISTER, CONFIRM, NAME, Scene, damaged_canister
from tests.support.runners import kill_runner_and_guard

TARGET = "registry"
TARGET_ID = parse_principal(next(item.id for item in FLEET if item.name == TARGET))
CLONE = ("restore", NAME, "--from", "snapshot:latest", "--to", TARGET, "--start", "--confirm", f"local/{TARGET}")


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with damaged_canister(tmp_path) as opened:
        yield opened


async def applied(rule: FaultRule) -> None:
    async with asyncio.timeout(60):
        while not rule.applied:  # noqa: ASYNC110 - the network is watched
            await asyncio.sleep(0.01)


async def test_the_canister_that_is_read_from_is_held_as_well(scene: Scene) -> None:
    rule = scene.operator.net.faults.add(FaultRule(Delay(6), method="take_canister_snapshot"))
    cloning = await scene.operator.start(*CLONE)
    await applied(rule)
    planned = await scene.operator("restore", NAME, "--from", "latest", "--dry-run")
    assert "other operations" in planned.output + planned.errors
    refused = await scene.operator("restore", NAME, "--from", "latest", *CONFIRM)
    assert refused.code == 11, refused.output + refused.errors
    _, errors = await cloning.communicate()
    assert cloning.returncode == 0, errors.decode()
    assert (await scene.operator("restore", NAME, "--from", "latest", *CONFIRM)).code == 0


async def test_a_plan_says_who_works_on_the_canister_that_is_read_from(scene: Scene) -> None:
    network = hashlib.sha256(scene.operator.net.root_key).digest()
    locks = load_config(scene.operator.config).paths.state / "locks"
    with operate_lock(locks, network, CANISTER.to_str(), "another"):
        planned = await scene.operator(*CLONE, "--dry-run")
        assert f"works on {NAME}, whose snapshot is to be loaded" in " ".join(planned.output.split())
        assert (await scene.operator(*CLONE)).code == 11
    assert (await scene.operator(*CLONE)).code == 0


async def test_a_target_that_was_left_stopped_is_started_though_the_source_is_held(scene: Scene) -> None:
    scene.operator.net.faults.add(FaultRule(Delay(60), method="take_canister_snapshot"))
    operation = await scene.started("safety snapshot", *CLONE)
    handle = scene.console.follow(operation)
    kill_runner_and_guard(handle.directory)
    await handle.wait()
    scene.operator.net.faults.clear()
    target = scene.operator.net.network.subnet.get(TARGET_ID.bytes)
    assert target.run_state is RunState.STOPPED
    network = hashlib.sha256(scene.operator.net.root_key).digest()
    locks = load_config(scene.operator.config).paths.state / "locks"
    with operate_lock(locks, network, CANISTER.to_str(), "another"):
        refused = await scene.operator("operations", "resume", operation)
        assert refused.code == 11, refused.errors
        assert target.run_state is RunState.RUNNING
    resumed = await scene.operator("operations", "resume", operation)
    assert resumed.code == 0, resumed.errors
