"""One repository, one folder that is written: a copy of it is refused while the original is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from quri_console.errors import ExitCode, RefusedBySafetyRule
from quri_console.repository.homes import note_home, other_home, require_only_home
from quri_console.repository.local import LocalBackend
from quri_console.repository.store import create_repository
from tests.support.unsynced import UnsyncedFileSystem


class Places:
    """A repository, a copy of it, and a cache folder."""

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache"
        self.original, self.copy = folder / "original", folder / "copy"
        self.id = create_repository(LocalBackend(self.original, UnsyncedFileSystem())).id
        shutil.copytree(self.original, self.copy)

    def write(self, place: Path) -> None:
        require_only_home(self.cache, self.id, str(place))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


def test_the_folder_that_was_written_last_may_be_written_again(places: Places) -> None:
    places.write(places.original)
    places.write(places.original)


def test_a_copy_is_refused_while_the_original_is_there(places: Places) -> None:
    places.write(places.original)
    with pytest.raises(RefusedBySafetyRule) as caught:
        places.write(places.copy)
    error = caught.value
    assert error.exit_code == ExitCode.REFUSED
    assert "Two folders hold one repository" in error.what
    assert str(places.original) in error.why
    assert str(places.copy) in error.why
    assert "repository.toml" in error.next_step
    places.write(places.original)


def test_a_repository_may_move(places: Places) -> None:
    places.write(places.original)
    shutil.rmtree(places.original)
    places.write(places.copy)
    assert other_home(places.cache, places.id, str(places.original)) == str(places.copy)


def test_it_is_enough_to_move_the_other_s_repository_file_away(places: Places) -> None:
    places.write(places.original)
    (places.original / "repository.toml").rename(places.original / "repository.toml.old")
    places.write(places.copy)


def test_another_repository_in_the_old_place_is_no_other_home(places: Places) -> None:
    places.write(places.original)
    shutil.rmtree(places.original)
    create_repository(LocalBackend(places.original, UnsyncedFileSystem()))
    places.write(places.copy)


def test_two_ways_to_one_folder_are_one_home(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to(places.original)
    places.write(tmp_path / "link")
    monkeypatch.chdir(tmp_path)
    places.write(Path("original"))
    places.write(places.original)


@pytest.mark.parametrize("damage", [b"", b"\x00\xff", b'location = "/"\n'])
def test_without_a_readable_note_nothing_is_refused_and_a_new_one_is_made(places: Places, damage: bytes) -> None:
    places.write(places.original)
    (note,) = (places.cache / "repositories").iterdir()
    note.write_bytes(damage)
    places.write(places.copy)
    assert other_home(places.cache, places.id, str(places.original)) == str(places.copy)


def test_the_cache_folder_may_be_deleted_at_any_time(places: Places) -> None:
    places.write(places.original)
    shutil.rmtree(places.cache)
    places.write(places.copy)


def test_a_cache_that_cannot_be_written_refuses_nothing(places: Places) -> None:
    places.cache.write_text("no folder")
    note_home(places.cache, places.id, str(places.original))
    places.write(places.copy)


def test_the_note_is_private(places: Places) -> None:
    places.write(places.original)
    (note,) = (places.cache / "repositories").iterdir()
    assert note.stat().st_mode & 0o777 == 0o600
    assert places.cache.stat().st_mode & 0o777 == 0o700
