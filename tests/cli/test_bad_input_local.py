"""What is wrong on this machine or with the canister: keys, folders, disks, ids, snapshots, controllers."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import parse_principal
from quri_console.ic.identity import identity_from_pem
from quri_console.ic.management import change
from quri_console.ic.prepared import perform
from quri_console.localnet.canister import RunState
from quri_console.localnet.demo_fleet import FLEET
from quri_console.localnet.faults import Delay, FaultRule
from tests.support.bad_input import canister_of, failed, nothing_left_behind
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.privileges import as_nobody, folder_of_nobody, give_to_nobody, small_disk

REGISTRY = next(item.id for item in FLEET if item.name == "registry")


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with operator_on_fleet(tmp_path) as opened:
        yield opened


@asynccontextmanager
async def bound_operator() -> AsyncIterator[Operator]:
    """An operator whom file permissions bind."""
    with folder_of_nobody() as folder:
        async with operator_on_fleet(folder) as opened:
            give_to_nobody(folder)
            yield replace(opened, prefix=as_nobody())


def _agent(operator: Operator) -> Agent:
    return Agent(
        operator.net.url, root_key=operator.net.root_key, identity=identity_from_pem(operator.net.controller.pem)
    )


async def test_an_id_with_a_bad_checksum(operator: Operator) -> None:
    wrong = "a" * 5 + REGISTRY[5:]
    operator.edit(REGISTRY, wrong)
    for command in (("status", "--live"), ("backup", "registry")):
        said = failed(await operator(*command), 2)
        assert wrong in said
        assert "config.toml, line " in said
    assert canister_of(operator, "registry").snapshots_made == 0


async def test_a_key_file_that_does_not_exist(operator: Operator) -> None:
    (operator.folder / "controller.pem").unlink()
    said = failed(await operator("backup", "registry"), 2)
    assert "controller.pem" in said
    assert "No such file" in said


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"\xff\xfe\x00" * 99, b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
async def test_a_key_file_that_holds_no_key(operator: Operator, content: bytes) -> None:
    (operator.folder / "controller.pem").write_bytes(content)
    assert "controller.pem" in failed(await operator("backup", "registry"), 2)


async def test_a_key_file_of_somebody_else() -> None:
    async with bound_operator() as operator:
        key = operator.folder / "controller.pem"
        key.chmod(0o000)
        said = failed(await operator("backup", "registry"), 2)
        assert "Permission denied" in said
        nothing_left_behind(operator)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
async def test_a_key_file_that_others_may_use(operator: Operator, mode: int) -> None:
    (operator.folder / "controller.pem").chmod(mode)
    said = failed(await operator("backup", "registry"), 14)
    assert f"its mode is {mode:04o}" in said
    assert "chmod 600" in said
    nothing_left_behind(operator)


async def test_an_encrypted_key_and_nobody_to_ask(operator: Operator) -> None:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open sesame"))
    (operator.folder / "controller.pem").write_bytes(pem)
    said = failed(await operator("backup", "registry"), 2)
    assert "passphrase" in said
    nothing_left_behind(operator)


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system can only be mounted by root")
@pytest.mark.parametrize("place", ["console/data", "console"], ids=["repository", "everything"])
async def test_the_disk_is_too_small(operator: Operator, place: str) -> None:
    folder = operator.folder / place
    folder.mkdir(parents=True, exist_ok=True)
    with small_disk(folder, 3 << 20):
        said = failed(await operator("backup", "registry"), 14)
        assert "MiB" in said
        assert canister_of(operator, "registry").snapshots_made == 0
        nothing_left_behind(operator)


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system can only be mounted by root")
@pytest.mark.parametrize("place", ["console/data", "console"], ids=["repository", "everything"])
async def test_the_disk_becomes_full_during_the_download(operator: Operator, place: str) -> None:
    operator.net.faults.add(FaultRule(Delay(0.2), method="read_canister_snapshot_data", count=None))
    folder = operator.folder / place
    folder.mkdir(parents=True, exist_ok=True)
    with small_disk(folder, 64 << 20):
        process = await operator.start("backup", "registry")
        assert process.stderr is not None
        while b"registry: download" not in await process.stderr.readline():
            pass
        _fill(folder)
        errors = (await process.stderr.read()).decode()
        assert await process.wait() == 1, errors
        assert "Error: " in errors
        assert "Next: " in errors
        assert "Traceback" not in errors
        assert "No space left" in errors
        (folder / "filler").unlink()
        nothing_left_behind(operator)
        assert (await operator("backup", "registry")).code == 0


def _fill(folder: Path) -> None:
    with (folder / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


async def test_no_snapshot_is_free(operator: Operator) -> None:
    canister = parse_principal(REGISTRY)
    async with _agent(operator) as agent:
        for _ in range(10):
            await perform(agent, change.take_canister_snapshot(canister))
    said = failed(await operator("backup", "registry"), 14)
    assert "10" in said
    assert "snapshot" in said
    assert operator.backups() == ()
    assert operator.unfinished() == ()
    registry = canister_of(operator, "registry")
    assert registry.run_state is RunState.RUNNING
    assert len(registry.snapshots) == registry.snapshots_made == 10


async def test_a_canister_that_was_deleted(operator: Operator) -> None:
    canister = parse_principal(REGISTRY)
    async with _agent(operator) as agent:
        await perform(agent, change.stop_canister(canister))
        await perform(agent, change.delete_canister(canister))
    said = failed(await operator("backup", "registry"), 1)
    assert "registry" in said
    assert operator.backups() == ()
    assert operator.unfinished() == ()


async def test_a_canister_of_somebody_else(operator: Operator) -> None:
    registry = canister_of(operator, "registry")
    registry.settings = replace(registry.settings, controllers=(b"\x01" * 28 + b"\x02",))
    said = failed(await operator("backup", "registry"), 15)
    assert "does not control registry" in said
    nothing_left_behind(operator)


async def test_a_repository_that_cannot_be_written() -> None:
    async with bound_operator() as operator:
        operator.repository.mkdir(parents=True)
        give_to_nobody(operator.folder)
        operator.repository.chmod(0o500)
        said = failed(await operator("backup", "registry"), 1)
        operator.repository.chmod(0o700)
        assert str(operator.repository) in said
        assert "Permission denied" in said
        assert canister_of(operator, "registry").snapshots_made == 0
        nothing_left_behind(operator)


async def test_a_repository_in_a_folder_that_is_closed() -> None:
    async with bound_operator() as operator:
        folder = operator.repository.parent
        folder.mkdir(parents=True)
        give_to_nobody(operator.folder)
        folder.chmod(0o000)
        for command in (("backup", "registry"), ("list",), ("verify", "--all")):
            said = failed(await operator(*command), 1)
            assert "Permission denied" in said
        folder.chmod(0o700)
        assert canister_of(operator, "registry").snapshots_made == 0


async def test_a_repository_that_is_a_file(operator: Operator) -> None:
    operator.repository.parent.mkdir(parents=True)
    operator.repository.write_text("not a folder")
    for command in (("backup", "registry"), ("list",), ("verify", "--all")):
        ended = await operator(*command)
        assert str(operator.repository) in failed(ended, 1)
    assert canister_of(operator, "registry").snapshots_made == 0


async def test_a_state_folder_that_cannot_be_written() -> None:
    async with bound_operator() as operator:
        state = operator.folder / "console"
        state.mkdir(exist_ok=True)
        give_to_nobody(operator.folder)
        state.chmod(0o500)
        for command in (("backup", "registry"), ("status", "--live")):
            said = failed(await operator(*command), 1)
            assert str(state) in said
            assert "Permission denied" in said
        state.chmod(0o700)
        assert canister_of(operator, "registry").snapshots_made == 0
