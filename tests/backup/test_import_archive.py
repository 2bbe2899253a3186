"""Archives of backup sets, taken over once whatever way they come."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from quri_console.backup.browse import open_backup
from quri_console.backup.import_archive import import_archive_file
from quri_console.backup.import_backup import Imported, Target
from quri_console.backup.import_sources import find_sources
from quri_console.errors import CorruptionError, UsageError
from quri_console.repository.archive import write_archive
from quri_console.repository.store import Repository, no_key
from tests.support.backups import AT, REGISTRY, RUNE_ENGINE, MadeUpState, repository_in, write_backup

BOTH = {("rune-engine", RUNE_ENGINE): MadeUpState(), ("registry", REGISTRY): MadeUpState(stable=b"")}


def archived(repository: Repository, path: Path) -> Path:
    """The newest set of a repository as an archive."""
    return write_archive(repository, repository.set_names()[-1], path).path


def take_over(path: Path, repository: Repository, cache: Path) -> Imported:
    (source,) = find_sources(path)
    return import_archive_file(source, Target(repository, cache), unlock=no_key)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    repository = repository_in(tmp_path / "elsewhere")
    write_backup(repository, BOTH)
    return archived(repository, tmp_path / "it.tar.zst")


def test_a_set_comes_over_under_its_name_with_every_canister(archive: Path, tmp_path: Path) -> None:
    here = repository_in(tmp_path / "here")
    result = take_over(archive, here, tmp_path / "cache")
    assert (result.set_name, result.fresh, result.canisters) == ("20250124T020000Z", True, ("rune-engine", "registry"))
    stored = open_backup(here).canister("registry")
    assert stored.mode == "stop"
    assert stored.metadata == BOTH["registry", REGISTRY].metadata()
    assert result.state_bytes == sum(entry.state_bytes for entry in open_backup(here).manifest.canisters)


def test_the_same_archive_again_is_there_already(archive: Path, tmp_path: Path) -> None:
    here = repository_in(tmp_path / "here")
    write_backup(here, at=AT)
    first, again = (take_over(archive, here, tmp_path / "cache") for _ in range(2))
    assert (first.set_name, first.fresh) == ("20250124T020001Z", True)
    assert (again.set_name, again.fresh) == ("20250124T020001Z", False)


def test_an_archive_of_a_set_that_is_still_here_is_there_already(tmp_path: Path) -> None:
    here = repository_in(tmp_path / "here")
    name = write_backup(here)
    result = take_over(archived(here, tmp_path / "own.tar.zst"), here, tmp_path / "cache")
    assert (result.set_name, result.fresh) == (name, False)


def test_a_set_that_went_round_by_another_repository_is_recognised(archive: Path, tmp_path: Path) -> None:
    there, cache = repository_in(tmp_path / "there"), tmp_path / "cache"
    take_over(archive, there, cache)
    back = archived(there, tmp_path / "back.tar.zst")
    result = take_over(back, repository_in(tmp_path / "elsewhere"), cache)
    assert (result.set_name, result.fresh) == ("20250124T020000Z", False)


def test_a_set_that_was_here_and_is_gone_is_taken_again(archive: Path, tmp_path: Path) -> None:
    import shutil

    shutil.rmtree(tmp_path / "elsewhere" / "backups")
    assert take_over(archive, repository_in(tmp_path / "elsewhere"), tmp_path / "cache").fresh


def test_a_damaged_archive_leaves_nothing(archive: Path, tmp_path: Path) -> None:
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 0xFF
    archive.write_bytes(data)
    here = repository_in(tmp_path / "here")
    with pytest.raises(CorruptionError):
        take_over(archive, here, tmp_path / "cache")
    assert here.backend.folders("backups") == ()


def test_an_archive_from_the_future_is_refused(tmp_path: Path) -> None:
    elsewhere = repository_in(tmp_path / "elsewhere")
    write_backup(elsewhere, at=datetime(2031, 1, 1, tzinfo=UTC))
    archive = archived(elsewhere, tmp_path / "it.tar.zst")
    with pytest.raises(UsageError, match="2031-01-01"):
        take_over(archive, repository_in(tmp_path / "here"), tmp_path / "cache")
