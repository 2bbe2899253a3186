"""Which backups the picture of the fleet counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from quri_console.errors import QuriError
from quri_console.history import History
from quri_console.repository.marks import put_mark
from quri_console.repository.trash import Forgotten, put_forgotten
from quri_console.service.pictures import newest_backups, picture
from tests.support.backups import AT, NOW, ORIGIN, REGISTRY, RUNE_ENGINE, MadeUpState, repository_in, write_backup
from tests.support.fleets import config
from tests.support.old_sets import write_old_set

BOTH = {("rune-engine", RUNE_ENGINE): MadeUpState(), ("registry", REGISTRY): MadeUpState()}
LATER = AT + timedelta(days=8)
NOW_NS = int(NOW.timestamp()) * 10**9


def nanoseconds(days: int = 0) -> int:
    return int((AT + timedelta(days=days)).timestamp()) * 10**9


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root" / "data" / "repository"


def test_without_a_repository_no_canister_has_a_backup(tmp_path: Path, root: Path) -> None:
    assert newest_backups(config(tmp_path), "local") is None
    root.mkdir(parents=True)
    assert newest_backups(config(tmp_path), "local") is None


def test_the_newest_copy_of_each_canister_counts(tmp_path: Path, root: Path) -> None:
    write_backup(root, BOTH)
    write_backup(root, at=LATER)
    assert newest_backups(config(tmp_path), "local") == {
        RUNE_ENGINE.to_str(): nanoseconds(8),
        REGISTRY.to_str(): nanoseconds(),
    }


def test_copies_that_cannot_be_counted_on_are_passed_over(tmp_path: Path, root: Path) -> None:
    write_backup(root)
    repository = repository_in(root)
    write_backup(root, at=AT + timedelta(days=1), mode="metadata")
    write_backup(root, at=AT + timedelta(days=2), origin=replace(ORIGIN, name="elsewhere"))
    forgotten = write_backup(root, at=AT + timedelta(days=3))
    put_forgotten(repository.backend, Forgotten(forgotten, NOW, "eva", "it is old"))
    damaged = write_backup(root, at=AT + timedelta(days=4))
    put_mark(repository.backend, damaged, "verification", NOW_NS, {"ok": False, "scope": "data"})
    unreadable = write_backup(root, at=AT + timedelta(days=5))
    (root / "backups" / unreadable / "MANIFEST.toml").write_bytes(b"garbage")
    assert newest_backups(config(tmp_path), "local") == {RUNE_ENGINE.to_str(): nanoseconds()}


async def test_a_repository_that_cannot_be_read_is_a_notice_and_no_failure(tmp_path: Path, root: Path) -> None:
    write_old_set(root)
    loaded = config(tmp_path)
    with pytest.raises(QuriError):
        newest_backups(loaded, "local")
    async with await History.open(tmp_path / "history.sqlite") as history:
        fleet = await picture(loaded, loaded.network(None), history, NOW_NS)
    assert "no repository.toml" in fleet.notice
    assert all(view.last_backup_at_ns is None for view in fleet.canisters)
