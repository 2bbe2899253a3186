"""What the names of sides mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from quri_console.backup.sides import (
    BackupSide,
    LiveSide,
    PathSide,
    SideName,
    SnapshotSide,
    parse_side,
    two_sides,
)
from quri_console.errors import UsageError


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("latest", BackupSide("latest")),
        ("latest/rune-engine", BackupSide("latest", "rune-engine")),
        ("20250124", BackupSide("20250124")),
        ("20250124T020000Z/rune-engine", BackupSide("20250124T020000Z", "rune-engine")),
        ("latest/a/b", BackupSide("latest", "a/b")),
        ("live", LiveSide()),
        ("live:rune-engine", LiveSide("rune-engine")),
        ("live/rune-engine", LiveSide("rune-engine")),
        ("20250124T020000Z-restore-1f3a", BackupSide("20250124T020000Z-restore-1f3a")),
        ("snapshot:00AB", SnapshotSide("00ab")),
        ("snapshot:rune-engine/00ab", SnapshotSide("00ab", "rune-engine")),
        ("/backups/20250124T020000Z", PathSide(Path("/backups/20250124T020000Z"))),
        ("./20250124", PathSide(Path("20250124"))),
        ("20240101_000000", PathSide(Path("20240101_000000"))),
        ("old.tar.zst/rune-engine", PathSide(Path("old.tar.zst/rune-engine"))),
        ("lively", PathSide(Path("lively"))),
    ],
)
def test_a_name_says_which_kind_of_side_is_meant(text: str, meant: SideName) -> None:
    assert parse_side(text) == meant


@pytest.mark.parametrize("text", ["", "live:", "latest/", "snapshot:", "snapshot:xyz", "snapshot:/00ab", "snapshot:a/"])
def test_half_a_name_is_refused_with_the_grammar(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_side(text)
    assert "live:CANISTER" in refused.value.next_step


def test_the_home_folder_may_be_written_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/operator")
    assert parse_side("~/old") == PathSide(Path("/home/operator/old"))


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("latest live", ("latest", "live")),
        ("old.tar.zst ./new", ("old.tar.zst", "./new")),
        ("latest rune-engine live", ("latest/rune-engine", "live")),
        ("latest live rune-engine", ("latest", "live/rune-engine")),
        ("old.tar.zst latest rune-engine", ("old.tar.zst", "latest/rune-engine")),
        ("latest rune-engine old.tar.zst", ("latest/rune-engine", "old.tar.zst")),
        ("latest/rune-engine 20250124 registry", ("latest/rune-engine", "20250124/registry")),
        ("latest rune-engine 20250124 rune-engine", ("latest/rune-engine", "20250124/rune-engine")),
    ],
)
def test_a_canister_may_stand_behind_its_backup(words: str, meant: tuple[str, str]) -> None:
    assert two_sides(words.split()) == meant


@pytest.mark.parametrize("words", ["latest", "a b c", "latest/x y live", "latest a live b c", "a b c d"])
def test_words_that_are_not_two_sides_are_refused_with_the_grammar(words: str) -> None:
    with pytest.raises(UsageError) as refused:
        two_sides(words.split())
    assert "BACKUP/CANISTER" in refused.value.next_step
