"""What is wrong with a repository itself is said with a way on, and nothing in it is lost."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.localnet.canister import RunState
from quri_console.repository.sealed import seal, unseal
from tests.support.bad_input import canister_of, failed
from tests.support.guinea_pig import read_back
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.privileges import as_nobody, folder_of_nobody, give_to_nobody, small_disk


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    """Somebody with one backup of registry."""
    async with operator_on_fleet(tmp_path) as opened:
        assert (await opened("backup", "registry")).code == 0
        yield opened


def _unchanged(operator: Operator, names: tuple[str, ...]) -> None:
    assert operator.backups() == names
    assert read_back(operator.stored("registry"))


async def test_a_newer_format_is_left_to_a_newer_version(operator: Operator) -> None:
    path = operator.repository / "repository.toml"
    original = path.read_bytes()
    path.write_bytes(seal({**unseal(original, "x"), "format": 99}))
    for command in (("backup", "registry"), ("list",), ("check",), ("prune", "--dry-run")):
        assert "format 99" in failed(await operator(*command), 1)
    path.write_bytes(original)
    _unchanged(operator, operator.backups())


async def test_foreign_files_are_named_and_left_alone(operator: Operator) -> None:
    names = operator.backups()
    foreign = [operator.repository / place for place in ("README", "packs/zz/note.txt", "index/old", "backups/x/y")]
    for path in foreign:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    checked = await operator("check", "--read-data")
    assert checked.code == 0, checked
    assert "note.txt" in checked.output + checked.errors
    assert (await operator("backup", "registry")).code == 0
    assert all(path.read_text() == "mine" for path in foreign)
    assert operator.backups()[0] == names[0]


async def test_a_half_written_index_costs_nothing(operator: Operator) -> None:
    for path in (operator.repository / "index").iterdir():
        path.write_bytes(path.read_bytes()[:-40])
    _unchanged(operator, operator.backups())
    checked = await operator("check")
    assert checked.code == 13
    assert "repair index" in checked.output
    assert "No backup is affected" in checked.output
    assert (await operator("repair", "index")).code == 0
    again = await operator("check", "--read-data")
    assert again.code == 0, again
    _unchanged(operator, operator.backups())


async def test_a_copy_of_the_repository_is_read_but_not_written(operator: Operator) -> None:
    copy = operator.folder / "copy"
    shutil.copytree(operator.repository, copy)
    with operator.config.open("a") as file:
        file.write(f'\n[repository]\npath = "{copy}"\n')
    said = failed(await operator("backup", "registry"), 14)
    assert "Two folders hold one repository" in said
    assert (await operator("list")).code == 0
    assert (await operator("verify", "latest")).code == 0
    registry = canister_of(operator, "registry")
    assert len(registry.snapshots) == registry.snapshots_made == 1


async def test_a_repository_that_may_only_be_read_is_still_read() -> None:
    """As nobody, because root may do anything."""
    with folder_of_nobody() as folder:
        async with operator_on_fleet(folder) as opened:
            assert (await opened("backup", "registry")).code == 0
            give_to_nobody(folder)
            operator = replace(opened, prefix=as_nobody())
            names = operator.backups()
            for path in (operator.repository, *operator.repository.rglob("*")):
                path.chmod(0o500 if path.is_dir() else 0o400)
            for command in (("list",), ("show", names[0]), ("verify", names[0]), ("check", "--read-data")):
                ended = await operator(*command)
                assert ended.code == 0, (command, ended)
            assert "Could not" in failed(await operator("pin", names[0], "--reason", "test"), 1)
            _unchanged(operator, names)
            for path in (operator.repository, *operator.repository.rglob("*")):
                path.chmod(0o700)


async def test_a_disk_that_may_only_be_read_stops_nothing(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        with small_disk(tmp_path / "disk", 64 << 20) as disk:
            with operator.config.open("a") as file:
                file.write(f'\n[repository]\npath = "{disk}/repository"\n')
            assert (await operator("backup", "registry")).code == 0
            command = ["mount", "-o", "remount,ro", str(disk)]
            await asyncio.to_thread(subprocess.run, command, check=True)
            names = operator.backups()
            said = failed(await operator("backup", "registry"), 1)
            assert "Read-only file system" in said
            assert (await operator("verify", "latest")).code == 0
            registry = canister_of(operator, "registry")
            assert (registry.run_state, registry.snapshots_made) == (RunState.RUNNING, 1)
            _unchanged(operator, names)
