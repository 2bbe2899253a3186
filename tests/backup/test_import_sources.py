"""What lies at a path and can be imported, told from names alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from quri_console.backup.import_sources import ImportSource, find_sources
from quri_console.errors import UsageError
from tests.support.backups import MadeUpState, write_backup, write_snapshot
from tests.support.legacy_backups import STAMP, LegacyRun, write_archive, write_directory
from tests.support.old_sets import write_old_set


def test_a_snapshot_directory_is_called_like_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "rune-engine"
    write_snapshot(path, MadeUpState())
    assert find_sources(path) == (ImportSource("snapshot directory", path, "rune-engine"),)


def test_a_folder_called_snapshot_is_called_like_the_folder_around_it(tmp_path: Path) -> None:
    (tmp_path / "registry").mkdir()
    path = tmp_path / "registry" / "snapshot"
    write_snapshot(path, MadeUpState())
    expected = (ImportSource("snapshot directory", path, "registry"),)
    assert find_sources(path) == find_sources(tmp_path / "registry") == expected


def test_a_set_of_the_first_version_is_one_thing_and_its_folder_is_all_of_them(tmp_path: Path) -> None:
    one = write_old_set(tmp_path)
    expected = (ImportSource("old set", one, one.name),)
    assert find_sources(one) == find_sources(tmp_path) == find_sources(tmp_path / "backups") == expected


def test_legacy_backups_are_folders_or_archives_and_a_run_counts_once(tmp_path: Path) -> None:
    archive = write_archive(tmp_path, LegacyRun(stamp="20240101_000000"))
    twin = write_archive(tmp_path, keep_directory=True)
    assert find_sources(archive) == (ImportSource("legacy backup", archive, archive.name),)
    assert [source.path for source in find_sources(tmp_path)] == [archive, tmp_path / STAMP]
    # named by the operator, the archive is what is meant
    assert find_sources(twin)[0].path == twin


def test_a_renamed_legacy_folder_is_known_by_its_manifest(tmp_path: Path) -> None:
    folder = write_directory(tmp_path)
    renamed = folder.rename(tmp_path / "from-the-old-machine")
    assert find_sources(renamed) == (ImportSource("legacy backup", renamed, renamed.name),)


def test_an_archive_of_ours_is_known_by_its_ending(tmp_path: Path) -> None:
    path = tmp_path / "20250124T020000Z.tar.zst"
    path.touch()
    assert find_sources(path) == (ImportSource("archive", path, path.name),)


def test_a_folder_of_all_kinds_is_gone_through_by_name_without_links_and_hidden_things(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "registry", MadeUpState())
    write_directory(tmp_path)
    (tmp_path / "x.tar.zst").touch()
    (tmp_path / "notes.txt").write_text("nothing to import")
    (tmp_path / "link").symlink_to(tmp_path / "registry")
    write_snapshot(tmp_path / ".unfinished-20250301T000000Z", MadeUpState())
    assert [source.name for source in find_sources(tmp_path)] == [STAMP, "registry", "x.tar.zst"]


def test_a_repository_is_not_imported_but_archived(tmp_path: Path) -> None:
    name = write_backup(tmp_path)
    with pytest.raises(UsageError, match="is a repository"):
        find_sources(tmp_path)
    assert find_sources(tmp_path / "backups" / name)[0].kind == "old set"


@pytest.mark.parametrize("what", ["nothing", "file", "empty folder"])
def test_what_cannot_be_imported_is_said_with_what_can(tmp_path: Path, what: str) -> None:
    path = tmp_path / "it"
    if what == "file":
        path.write_text("text")
    elif what == "empty folder":
        path.mkdir()
    with pytest.raises(UsageError, match="nothing at" if what == "nothing" else "nothing that can be imported"):
        find_sources(path)
