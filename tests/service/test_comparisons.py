"""Comparing as the operator asks for it: the configured repository, its lock and its key, no network unless asked."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from quri_console.clock import SystemClock
from quri_console.console import Console
from quri_console.errors import UsageError
from quri_console.repository.errors import RepositoryMissing, WrongKey
from quri_console.repository.local import LocalBackend
from quri_console.repository.locks import RepositoryLocked, acquire, list_locks
from tests.support.backups import AT, REGISTRY, RUNE_ENGINE, MadeUpState, write_backup
from tests.support.command import invoke, write_config
from tests.support.compared_states import NAME, Copy, MadeState, new_repository, write_set

HEAVY = ("httpx", "cryptography", "wasmtime", "textual", "plotext", "starlette", "py_arkworks_bls12381", "cbor2")


async def approve(bills: object) -> None:
    raise AssertionError("nothing here costs cycles")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path)


@pytest.fixture
def sets(tmp_path: Path) -> tuple[str, str]:
    """Two backups whose heaps differ."""
    repository = new_repository(tmp_path / "repository")
    newer = {NAME: Copy(MadeState(heap=b"other" + MadeState().heap[5:]))}
    return write_set(repository), write_set(repository, newer, at=AT + timedelta(hours=1))


async def test_two_backups_are_compared_and_no_lock_is_left(
    config: Path, sets: tuple[str, str], tmp_path: Path
) -> None:
    console = Console.open(config_path=config)
    diff = await console.diff(*sets, approve=approve)
    assert diff.comparisons[0].differing_parts == ("memory",)
    assert list_locks(LocalBackend(tmp_path / "repository")) == ()


@pytest.mark.parametrize(
    ("left", "right"), [("latest/rune-engine", "20250124/rune-engine"), ("20250124/rune-engine", "latest")]
)
async def test_latest_is_the_newest_that_holds_the_canister_that_either_side_names(
    config: Path, tmp_path: Path, left: str, right: str
) -> None:
    write_backup(tmp_path / "repository")
    write_backup(tmp_path / "repository", at=AT + timedelta(days=1))
    write_backup(tmp_path / "repository", {("registry", REGISTRY): MadeUpState()}, at=AT + timedelta(days=2))
    diff = await Console.open(config_path=config).diff(left, right, approve=approve)
    (comparison,) = diff.comparisons
    labels = {side.label.partition("/")[0] for side in (comparison.left, comparison.right)}
    assert labels == {"20250124T020000Z", "20250125T020000Z"}


async def test_a_repository_that_is_being_pruned_is_not_read(
    config: Path, sets: tuple[str, str], tmp_path: Path
) -> None:
    with (
        acquire(LocalBackend(tmp_path / "repository"), "exclusive", "prune", SystemClock()),
        pytest.raises(RepositoryLocked),
    ):
        await Console.open(config_path=config).diff(*sets, approve=approve)
    assert (await Console.open(config_path=config).diff(sets[0], sets[0], approve=approve)).comparisons[0].identical


async def test_without_a_repository_folders_can_still_be_compared(config: Path, tmp_path: Path) -> None:
    console = Console.open(config_path=config)
    folder = MadeState().write_directory(tmp_path / "download")
    diff = await console.diff(str(folder), str(folder), approve=approve, parts=("memory",))
    assert not diff.differs()
    with pytest.raises(RepositoryMissing):
        await console.diff(str(folder), "latest", approve=approve)


async def test_an_encrypted_repository_needs_its_key(config: Path, tmp_path: Path) -> None:
    write_set(new_repository(tmp_path / "repository", id_key=b"k" * 32))
    with pytest.raises(WrongKey):
        await Console.open(config_path=config).diff("latest", "latest", approve=approve)


async def test_a_live_canister_is_one_of_the_fleet_or_an_id(config: Path, sets: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="no canister 'nobody'"):
        await Console.open(config_path=config).diff("live:nobody", "latest", approve=approve)


def test_comparing_backups_loads_no_network(config: Path, sets: tuple[str, str]) -> None:
    script = (
        "import sys\nfrom quri_console.cli.main import run\n"
        f"code = run(['--config', {str(config)!r}, 'diff', {sets[0]!r}, {sets[1]!r}])\n"
        f"print(code, [name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert finished.stderr.splitlines()[-1] == "0 []"
    assert "differs in memory" in finished.stdout


def test_names_in_a_backup_cannot_reach_the_terminal(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "rune\x1b[2Jengine"
    write_set(new_repository(tmp_path / "repository"), {NAME: Copy()}, names={NAME: evil})
    shown = invoke(capsys, "--config", config, "diff", f"latest/{RUNE_ENGINE.to_str()}", "latest")
    assert shown.code == 0
    assert "\x1b" not in shown.output
    assert "rune\\e[2Jengine" in shown.output
