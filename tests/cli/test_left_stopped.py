"""A canister that an operation stopped before it and its guard died runs again as soon as anybody looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from quri_console.config import load_config
from quri_console.effects.lock import operate_lock
from quri_console.effects.operation_files import OperationFiles, Outcome
from quri_console.errors import ExitCode
from quri_console.ic.encoding.principal import parse_principal
from quri_console.localnet.canister import RunState
from quri_console.localnet.configuration import CONTROLLER_FILE
from quri_console.localnet.faults import Delay, FaultRule
from tests.support.damaged_canister import CONFIRM, damaged_canister
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.runners import kill_runner_and_guard

NAME = "rune-engine"


@dataclass(frozen=True)
class Scene:
    """An operator, a backup that died while the canister was stopped, and the canister on its network."""

    operator: Operator
    operation: Path
    canister: str

    @property
    def run_state(self) -> RunState:
        return self.operator.net.network.subnet.get(parse_principal(self.canister).bytes).run_state

    async def runs(self) -> None:
        """Wait until it runs."""
        async with asyncio.timeout(30):
            while self.run_state is not RunState.RUNNING:  # noqa: ASYNC110 - the network is watched
                await asyncio.sleep(0.05)

    async def state(self) -> str:
        listed = await self.operator("--read-only", "operations", "list", "--json")
        return str(listed.json()["operations"][-1]["state"])


@asynccontextmanager
async def left_stopped(folder: Path) -> AsyncIterator[Scene]:
    async with operator_on_fleet(folder) as operator:
        config = load_config(operator.config)
        canister = config.canister(NAME).id
        operator.net.faults.add(FaultRule(Delay(60), method="take_canister_snapshot"))
        command = await operator.start("backup", NAME)
        on_network = operator.net.network.subnet.get(parse_principal(canister).bytes)
        async with asyncio.timeout(60):
            while on_network.run_state is not RunState.STOPPED:  # noqa: ASYNC110 - the network is watched
                await asyncio.sleep(0.02)
        (operation,) = config.paths.operations.iterdir()
        kill_runner_and_guard(operation)
        await command.communicate()
        operator.net.faults.clear()
        scene = Scene(operator, operation, canister)
        assert scene.run_state is RunState.STOPPED
        yield scene


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with left_stopped(tmp_path) as found:
        yield found


async def test_doctor_brings_it_back_and_the_operation_can_still_be_resumed(scene: Scene) -> None:
    told = await scene.operator("doctor")
    assert scene.run_state is RunState.RUNNING
    assert "was left stopped by" in told.output
    assert "was started again" in told.output
    assert await scene.state() == "interrupted"
    resumed = await scene.operator("operations", "resume", "latest")
    assert resumed.code == 0, resumed.errors
    assert scene.run_state is RunState.RUNNING
    assert len(scene.operator.backups()) == 1
    assert "no canister was left stopped" in (await scene.operator("doctor")).output
    assert (await scene.operator("audit", "verify")).code == 0
    actions = [event["action"] for event in (await scene.operator("audit", "show", "--json")).json()["events"]]
    assert "bring back asked" in actions


@pytest.mark.parametrize("command", [("operations", "list"), ("status", "--live")])
async def test_other_commands_that_find_it_bring_it_back(scene: Scene, command: tuple[str, ...]) -> None:
    told = await scene.operator(*command)
    assert scene.run_state is RunState.RUNNING
    assert "was started again" in told.output + told.errors


async def test_one_that_gave_up_starting_it_is_found_as_well_and_stays_failed(scene: Scene) -> None:
    files = OperationFiles(scene.operation)
    failed = Outcome(ExitCode.NETWORK, 1, "the network was gone for too long")
    files.write_outcome(failed)
    told = await scene.operator("operations", "list")
    assert scene.run_state is RunState.RUNNING
    assert "was started again" in " ".join(told.errors.split())
    assert files.outcome() == failed


async def test_a_new_operation_brings_it_back_first_instead_of_refusing(scene: Scene) -> None:
    again = await scene.operator("backup", NAME)
    assert again.code == 0, again.errors
    assert scene.run_state is RunState.RUNNING


async def test_the_watch_brings_it_back(scene: Scene) -> None:
    watch = await scene.operator.start("watch")
    try:
        await scene.runs()
    finally:
        watch.terminate()
    output, _ = await watch.communicate()
    assert "was left stopped by" in output.decode()


async def test_lockdown_does_not_keep_it_stopped(scene: Scene) -> None:
    assert (await scene.operator("lockdown", "on", "--reason", "INC-1")).code == 0
    await scene.operator("doctor")
    assert scene.run_state is RunState.RUNNING


async def test_a_read_only_command_says_so_and_leaves_it(scene: Scene) -> None:
    told = await scene.operator("--read-only", "doctor")
    assert told.code == 1
    assert "is not started yet: this console is read-only" in told.output
    assert scene.run_state is RunState.STOPPED


async def test_a_canister_that_another_operation_holds_is_left_alone(scene: Scene) -> None:
    import hashlib

    network = hashlib.sha256(scene.operator.net.root_key).digest()
    locks = load_config(scene.operator.config).paths.state / "locks"
    with operate_lock(locks, network, scene.canister, "another"):
        told = await scene.operator("doctor")
        assert "operation another in process" in told.output
        assert scene.run_state is RunState.STOPPED
    await scene.operator("doctor")
    assert scene.run_state is RunState.RUNNING


async def test_a_key_that_needs_a_passphrase_is_named_as_the_reason(scene: Scene) -> None:
    from cryptography.hazmat.primitives import serialization

    path = scene.operator.config.parent / CONTROLLER_FILE
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    told = await scene.operator("doctor")
    assert told.code == 1
    assert "is not started yet" in told.output
    assert "passphrase" in told.output
    assert scene.run_state is RunState.STOPPED
    assert OperationFiles(scene.operation).outcome() is None


async def test_a_resumed_restore_starts_it_though_the_repository_is_away(tmp_path: Path) -> None:
    async with damaged_canister(tmp_path) as scene:
        scene.operator.net.faults.add(FaultRule(Delay(60), method="take_canister_snapshot"))
        operation = await scene.started("safety snapshot", "restore", NAME, "--from", "latest", *CONFIRM)
        kill_runner_and_guard(scene.console.follow(operation).directory)
        scene.operator.net.faults.clear()
        assert scene.on_network.run_state is RunState.STOPPED
        repository = scene.operator.repository
        repository.rename(repository.with_name("away"))
        resumed = await scene.operator("operations", "resume", operation)
        assert resumed.code == 10, resumed.errors
        assert scene.on_network.run_state is RunState.RUNNING
