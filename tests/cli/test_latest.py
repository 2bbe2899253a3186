"""`latest/CANISTER` and BACKUP CANISTER in the commands that work on a whole backup."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from quri_console.repository.marks import read_marks
from tests.support.backups import AT, REGISTRY, RUNE_ENGINE, MadeUpState, repository_in, write_backup
from tests.support.command import invoke, write_config

Capture = pytest.CaptureFixture[str]
BOTH = {("rune-engine", RUNE_ENGINE): MadeUpState(), ("registry", REGISTRY): MadeUpState(stable=b"", chunks=())}
OLDEST, OLDER, NEWER = "20250124T020000Z", "20250125T020000Z", "20250126T020000Z"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Three backups, the newest without the registry."""
    for days in (0, 1):
        write_backup(tmp_path / "repository", BOTH, at=AT + timedelta(days=days))
    write_backup(tmp_path / "repository", at=AT + timedelta(days=2))
    return write_config(tmp_path)


@pytest.mark.parametrize("words", [("latest/registry",), ("latest", "registry")])
def test_verify_reads_the_newest_backup_that_holds_the_canister(
    config: Path, capsys: Capture, words: tuple[str, ...]
) -> None:
    finished = invoke(capsys, "--config", config, "verify", *words)
    assert finished.code == 0
    assert finished.output.startswith(f"{OLDER}: ")


def test_pin_marks_the_newest_backup_that_holds_the_canister(config: Path, tmp_path: Path, capsys: Capture) -> None:
    finished = invoke(capsys, "--config", config, "pin", "latest/registry", "--reason", "the audit")
    assert finished.output == f"{OLDER} is pinned: the audit\n"
    assert [mark.kind for mark in read_marks(repository_in(tmp_path / "repository").backend, OLDER)[0]] == ["pin"]


def test_forget_names_the_backup_that_it_forgot_and_all_that_it_holds(config: Path, capsys: Capture) -> None:
    finished = invoke(capsys, "--config", config, "forget", "latest/registry")
    assert f"forget  {OLDER} (rune-engine, registry)" in finished.output
    listed = invoke(capsys, "--config", config, "list", "--json").json()
    assert [one["name"] for one in listed["backups"]] == [NEWER, OLDEST]


def test_archive_seals_the_newest_backup_that_holds_the_canister(config: Path, tmp_path: Path, capsys: Capture) -> None:
    finished = invoke(capsys, "--config", config, "archive", "latest/registry", "--to", tmp_path)
    assert finished.code == 0
    assert OLDER in finished.output
    assert (tmp_path / f"{OLDER}.tar.zst").exists()


def test_export_takes_the_newest_backup_that_holds_the_canister(config: Path, tmp_path: Path, capsys: Capture) -> None:
    finished = invoke(capsys, "--config", config, "export", "latest", "registry", "--to", tmp_path / "out")
    assert finished.code == 0
    assert f"{OLDER}/registry" in finished.output


def test_diff_takes_a_canister_behind_a_blank(config: Path, capsys: Capture) -> None:
    finished = invoke(capsys, "--config", config, "diff", OLDEST, "registry", "latest", "registry")
    assert finished.code == 0
    assert f"{OLDEST}/registry" in finished.output
    assert f"{OLDER}/registry" in finished.output
