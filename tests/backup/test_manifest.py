"""What a manifest says of canisters, and the folders that they get."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from quri_console.backup.browse import open_backup
from quri_console.backup.manifest import GroupWindow, Mode, folder_name, manifest_of
from quri_console.errors import CorruptionError
from tests.support.backups import AT, REGISTRY, RUNE_ENGINE, repository_in, write_backup


@pytest.mark.parametrize("name", ["", "...", "-", "unfinished", "ü"])
def test_a_name_of_which_no_safe_folder_is_left_gives_way_to_the_id(name: str) -> None:
    assert folder_name(name, REGISTRY, set()) == REGISTRY.to_str()


@pytest.mark.parametrize(("name", "folder"), [("../up", "up"), ("/abs", "abs"), ("a b", "a-b"), ("x" * 99, "x" * 60)])
def test_a_folder_is_the_name_as_far_as_a_path_allows(name: str, folder: str) -> None:
    assert folder_name(name, RUNE_ENGINE, set()) == folder


def test_two_canisters_of_one_name_have_two_folders() -> None:
    assert folder_name("rune-engine", RUNE_ENGINE, {"rune-engine"}) == f"rune-engine-{RUNE_ENGINE.to_str()}"


@pytest.mark.parametrize("mode", get_args(Mode))
def test_only_copies_with_state_can_be_restored_from_and_only_own_snapshots_be_deleted(
    tmp_path: Path, mode: Mode
) -> None:
    write_backup(tmp_path, mode=mode)
    (entry,) = open_backup(repository_in(tmp_path)).manifest.canisters
    assert entry.has_state == (mode not in ("metadata", "legacy"))
    assert entry.took_snapshot == (mode in ("stop", "hot"))


def test_the_window_of_a_group_reads_back(tmp_path: Path) -> None:
    windows = (GroupWindow("runes", True, AT, AT), GroupWindow("other", False, reason="one did not stop"))
    write_backup(tmp_path, groups=windows)
    assert open_backup(repository_in(tmp_path)).manifest.groups == windows


def test_a_set_of_something_else_is_no_set_of_canisters(tmp_path: Path) -> None:
    repository = repository_in(tmp_path)
    name = write_backup(repository)
    raw = repository.manifest(name)
    (item,) = raw.items
    forged = type(item)(item.folder, item.subject, {**item.fields, "mode": "guessed"})
    with pytest.raises(CorruptionError, match="not that of canisters"):
        manifest_of(type(raw)(raw.name, raw.repository_id, (forged,), raw.files, raw.document))
