"""Forgetting sets and bringing them back, and what may not be forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from quri_console.errors import ExitCode, RefusedBySafetyRule, UsageError
from quri_console.repository.trash import Forgotten, forget, read_trash, remaining_set_names, unforget
from tests.support.kept_sets import DAY, KeptSets


@pytest.fixture
def kept(tmp_path: Path) -> KeptSets:
    return KeptSets.create(tmp_path / "repository")


def forgotten(kept: KeptSets, *names: str, by_policy: bool = False) -> tuple[Forgotten, ...]:
    return forget(kept.open(), names, by="eva@console", reason="old", now=kept.now, by_policy=by_policy)


def refused(kept: KeptSets, *names: str, by_policy: bool = False) -> RefusedBySafetyRule:
    before = sorted(path.name for path in kept.root.rglob("*"))
    with pytest.raises(RefusedBySafetyRule) as caught:
        forgotten(kept, *names, by_policy=by_policy)
    assert sorted(path.name for path in kept.root.rglob("*")) == before
    assert caught.value.exit_code == ExitCode.REFUSED
    assert caught.value.why
    assert caught.value.next_step
    return caught.value


def test_a_forgotten_set_is_hidden_and_whole(kept: KeptSets) -> None:
    old, new = kept.take({"alpha": "ab"}), kept.take({"alpha": "ac"})
    assert forgotten(kept, old) == (Forgotten(old, kept.now, "eva@console", "old"),)
    assert remaining_set_names(kept.open().backend) == (new,)
    assert kept.read(old) == {"alpha": "ab"}


def test_a_forgotten_set_comes_back_by_an_undo(kept: KeptSets) -> None:
    old, new = kept.take({"alpha": "ab"}), kept.take({"alpha": "ac"})
    forgotten(kept, old)
    assert unforget(kept.open(), [old, new]) == (old,)
    assert remaining_set_names(kept.open().backend) == (old, new)


def test_forgetting_twice_keeps_the_first_time_so_that_the_grace_is_not_prolonged(kept: KeptSets) -> None:
    old = kept.take({"alpha": "ab"})
    kept.take({"alpha": "ac"})
    (first,) = forgotten(kept, old)
    kept.now += DAY
    assert forgotten(kept, old) == (first,)


def test_an_unknown_name_forgets_nothing(kept: KeptSets) -> None:
    old = kept.take({"alpha": "ab"})
    kept.take({"alpha": "ac"})
    with pytest.raises(UsageError):
        forgotten(kept, old, "20010101T000000Z")
    assert read_trash(kept.open().backend).sets == {}


def test_a_pinned_set_is_not_forgotten_until_its_pin_ends(kept: KeptSets) -> None:
    old = kept.take({"alpha": "ab"})
    kept.take({"alpha": "ac"})
    kept.mark(old, "pin", reason="the audit", expires_at=kept.now + DAY)
    error = refused(kept, old)
    assert "pinned" in error.what
    assert "the audit" in error.why
    kept.now += DAY
    assert forgotten(kept, old)


def test_a_held_set_is_not_forgotten_until_it_is_released(kept: KeptSets) -> None:
    old = kept.take({"alpha": "ab"})
    kept.take({"alpha": "ac"})
    kept.mark(old, "hold", reason="the court")
    error = refused(kept, old)
    assert "hold" in error.what
    assert "the court" in error.why
    kept.now += DAY
    kept.mark(old, "release")
    assert forgotten(kept, old)


def test_a_mark_that_cannot_be_read_counts_as_a_hold(kept: KeptSets) -> None:
    old = kept.take({"alpha": "ab"})
    kept.take({"alpha": "ac"})
    kept.mark(old, "pin", reason="the audit")
    (mark,) = (kept.root / "marks" / old).iterdir()
    kept.damage(f"marks/{old}/{mark.name}")
    assert "hold" in refused(kept, old).what


def test_the_last_verified_backup_of_a_subject_stays_although_younger_ones_exist(kept: KeptSets) -> None:
    old = kept.verified(kept.take({"alpha": "ab"}))
    new = kept.take({"alpha": "ac"})
    error = refused(kept, old)
    assert "last verified backup of alpha" in error.what
    kept.verified(new)
    assert forgotten(kept, old)


def test_two_verified_backups_do_not_go_together_when_they_are_the_last(kept: KeptSets) -> None:
    one, two = kept.verified(kept.take({"alpha": "ab"})), kept.verified(kept.take({"alpha": "ac"}))
    kept.take({"alpha": "ad"})
    assert "last verified backup of alpha" in refused(kept, one, two).what


def test_a_set_is_kept_for_the_one_subject_that_only_it_holds_verified(kept: KeptSets) -> None:
    old = kept.verified(kept.take({"alpha": "a", "beta": "b"}))
    kept.verified(kept.take({"alpha": "c"}))
    assert "beta" in refused(kept, old).what
    assert "alpha" not in refused(kept, old).what


def test_a_backup_found_damaged_since_is_no_verified_backup(kept: KeptSets) -> None:
    old = kept.verified(kept.take({"alpha": "ab"}))
    new = kept.verified(kept.take({"alpha": "ac"}))
    kept.now += DAY
    kept.verified(new, ok=False)
    assert "last verified" in refused(kept, old).what


def test_the_only_backup_of_a_subject_stays_though_nobody_verified_it(kept: KeptSets) -> None:
    old = kept.take({"alpha": "ab"})
    kept.take({"beta": "ac"})
    assert "last backup of alpha" in refused(kept, old).what


def test_a_set_without_content_does_not_stand_in_for_one_that_has_it(kept: KeptSets) -> None:
    old = kept.take({"alpha": "ab"})
    kept.now += DAY
    writer, items = kept.begin({"alpha": "ab"})
    writer.discard("alpha")
    writer.put_record("alpha", "status.toml", b"seen, not copied")
    bare = kept.verified(writer.commit(items, {}).name)
    assert "last backup of alpha" in refused(kept, old).what
    assert forgotten(kept, bare)


def test_nothing_is_forgotten_while_a_younger_backup_is_unfinished(kept: KeptSets) -> None:
    old = kept.take({"alpha": "ab"})
    kept.take({"alpha": "ac"})
    kept.now += DAY
    writer, items = kept.begin({"alpha": "ad"})
    error = refused(kept, old)
    assert writer.name in error.what
    assert "01OPERATION on keeper" in error.why
    writer.commit(items, {})
    assert forgotten(kept, old)


def test_an_unfinished_backup_older_than_the_last_one_stands_in_nobodys_way(kept: KeptSets) -> None:
    old = kept.take({"alpha": "ab"})
    kept.now += DAY
    kept.begin({"alpha": "ad"})
    kept.take({"alpha": "ac"})
    assert forgotten(kept, old)


def test_a_policy_forgets_nothing_while_a_backup_is_dated_in_the_future(kept: KeptSets) -> None:
    old = kept.take({"alpha": "ab"})
    future = kept.take({"alpha": "ac"}, days=30)
    kept.now -= 20 * DAY
    assert future in refused(kept, old, by_policy=True).what


def test_a_backup_dated_in_the_future_may_be_forgotten_by_name(kept: KeptSets) -> None:
    kept.take({"alpha": "ab"})
    future = kept.take({"alpha": "ac"}, days=30)
    kept.now -= 20 * DAY
    assert forgotten(kept, future)


@pytest.mark.parametrize("part", ["MANIFEST.toml", "alpha/memory.chunks", "alpha/status.toml"])
def test_a_damaged_set_may_be_forgotten_by_name_although_it_is_the_last(kept: KeptSets, part: str) -> None:
    name = kept.take({"alpha": "ab"})
    kept.take({"beta": "c"})
    kept.damage(f"backups/{name}/{part}")
    if part != "MANIFEST.toml":
        refused(kept, name, by_policy=True)
    assert [mark.set_name for mark in forgotten(kept, name)] == [name]


def test_a_set_whose_pack_is_gone_may_be_forgotten_by_name(kept: KeptSets) -> None:
    name = kept.take({"alpha": "ab"})
    (kept.root / kept.pack_of("a")).unlink()
    assert forgotten(kept, name)[0].damaged


def test_a_set_that_a_check_found_damaged_may_be_forgotten_by_name_but_not_while_it_is_pinned(kept: KeptSets) -> None:
    name = kept.verified(kept.take({"alpha": "ab"}), ok=False)
    kept.mark(name, "pin", reason="evidence")
    assert "pinned" in refused(kept, name).what
    kept.now += DAY
    kept.mark(name, "unpin")
    assert forgotten(kept, name)


def test_what_prune_has_removed_cannot_be_brought_back(kept: KeptSets) -> None:
    old = kept.take({"alpha": "ab"})
    kept.take({"alpha": "ac"})
    forgotten(kept, old)
    kept.now += 8 * DAY
    kept.prune()
    with pytest.raises(RefusedBySafetyRule, match="cannot be brought back"):
        unforget(kept.open(), [old])


def test_an_undo_brings_all_back_or_none(kept: KeptSets) -> None:
    old = kept.take({"alpha": "ab"})
    kept.take({"alpha": "ac"})
    forgotten(kept, old)
    with pytest.raises(RefusedBySafetyRule):
        unforget(kept.open(), [old, "20010101T000000Z"])
    assert list(read_trash(kept.open().backend).sets) == [old]


def test_a_damaged_mark_forgets_nothing_and_can_be_made_anew(kept: KeptSets) -> None:
    old, new = kept.take({"alpha": "ab"}), kept.take({"alpha": "ac"})
    forgotten(kept, old)
    kept.damage(f"trash/sets/{old}.toml")
    assert remaining_set_names(kept.open().backend) == (old, new)
    assert read_trash(kept.open().backend).unreadable == (old,)
    assert forgotten(kept, old)
    assert remaining_set_names(kept.open().backend) == (new,)


def test_a_mark_that_was_moved_to_another_set_forgets_nothing(kept: KeptSets) -> None:
    old, new = kept.take({"alpha": "ab"}), kept.take({"alpha": "ac"})
    forgotten(kept, old)
    folder = kept.root / "trash/sets"
    (folder / f"{old}.toml").rename(folder / f"{new}.toml")
    assert remaining_set_names(kept.open().backend) == (old, new)
