"""A prune that is killed at any of its file operations leaves every kept set whole, and the next one completes it."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from quri_console.repository import index_rewrite
from quri_console.repository.local import LocalBackend
from quri_console.repository.trash import unforget
from tests.support.cut_off_files import CutOffFiles, Killed
from tests.support.kept_sets import DAY, KeptSets


def busy_repository(root: Path) -> KeptSets:
    """One in which a prune has something to do in every one of its steps."""
    kept = KeptSets.create(root)
    first = kept.take({"alpha": "abcdefghwxyz"}, pack_bytes=3 * 16384)
    second = kept.take({"alpha": "ijkl"})
    third = kept.take({"alpha": "mn", "beta": "opqrs"})
    kept.take({"alpha": "c0h", "beta": "tu"})
    kept.forget(first, second)
    kept.prune()
    unforget(kept.open(), [second])
    kept.mark(first, "unpin")
    kept.now += 8 * DAY
    kept.forget(third)
    note = root / "backups" / second / "unfinished" / "slices-000000"
    note.parent.mkdir()
    note.write_bytes(b"done")
    del kept.words[first]
    return kept


def own_bytes(kept: KeptSets) -> dict[str, int]:
    """What backups, their marks and packs take; how the index and the marks of packs are cut up does not matter."""
    backend = LocalBackend(kept.root)
    return {
        folder: sum(entry.size for entry in backend.list(folder))
        for folder in ("backups", "marks", "packs", "trash/sets")
    }


def copied(kept: KeptSets, root: Path) -> KeptSets:
    shutil.copytree(kept.root, root)
    return KeptSets(root, kept.now, words=kept.words)


def assert_whole(kept: KeptSets) -> None:
    assert {name: kept.read(name) for name in kept.words} == kept.words


@pytest.mark.parametrize(
    ("grace", "step"),
    [
        pytest.param(timedelta(days=7), 1, id="a week"),
        pytest.param(timedelta(0), 5, id="no grace"),
        pytest.param(timedelta(0), 1, id="no grace, every operation", marks=pytest.mark.sweep),
    ],
)
def test_a_prune_killed_at_any_operation_loses_nothing_and_the_next_frees_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grace: timedelta, step: int
) -> None:
    busy = busy_repository(tmp_path / "busy")
    monkeypatch.setattr(index_rewrite, "FRAGMENTS_WORTH_COMPACTING", 2)
    if grace == timedelta(0):
        third = busy.open().set_names()[-2]
        del busy.words[third]
    whole = copied(busy, tmp_path / "whole")
    files = CutOffFiles()
    plan = whole.prune(files, grace=grace).plan
    assert plan.sets
    assert plan.deleted
    assert plan.repacked
    assert plan.compacts_index
    assert plan.notes
    assert plan.unmarked or grace == timedelta(0)
    assert plan.marked or grace == timedelta(0)
    assert_whole(whole)
    expected = own_bytes(whole)
    assert files.count > 60
    for survives in range(0, files.count, step):
        kept = copied(busy, tmp_path / f"killed-{survives}")
        with pytest.raises(Killed):
            kept.prune(CutOffFiles(survives), grace=grace)
        assert_whole(kept)
        kept.prune(grace=grace)
        assert own_bytes(kept) == expected, survives
        assert_whole(kept)
        assert kept.plan(grace=grace).is_empty, survives
        shutil.rmtree(kept.root)


def test_temporary_files_of_a_killed_prune_go_a_day_later(tmp_path: Path) -> None:
    busy = busy_repository(tmp_path / "busy")
    count = 0
    files = CutOffFiles()
    copied(busy, tmp_path / "whole").prune(files)
    for survives in range(1, files.count, 7):
        kept = copied(busy, tmp_path / f"killed-{survives}")
        with pytest.raises(Killed):
            kept.prune(CutOffFiles(survives))
        left = [path for path in kept.root.rglob(".*") if path.is_file()]
        count += len(left)
        for path in left:
            os.utime(path, ((kept.now - 2 * DAY).timestamp(),) * 2)
        kept.prune()
        assert not [path for path in kept.root.rglob(".*") if path.is_file()]
        assert_whole(kept)
    assert count
