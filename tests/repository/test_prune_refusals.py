"""What keeps a prune from deleting: anything at all, or one forgotten set."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from quri_console.errors import ExitCode, RefusedBySafetyRule
from quri_console.repository.errors import WrongKey
from quri_console.repository.prune_execute import execute_prune
from quri_console.repository.removal_rules import Objection
from tests.support.kept_sets import DAY, KeptSets
from tests.support.repositories import small_repository


@pytest.fixture
def kept(tmp_path: Path) -> KeptSets:
    return KeptSets.create(tmp_path / "repository")


def refusal(kept: KeptSets) -> Objection:
    """The one refusal of a prune, which has deleted nothing."""
    before = [path for path in sorted(kept.root.rglob("*")) if path.name != "locks"]
    plan = kept.plan()
    with kept.locked() as lock, pytest.raises(RefusedBySafetyRule) as caught:
        execute_prune(kept.open(), plan, lock)
    (found,) = plan.refusals
    assert caught.value.what == found.what
    assert caught.value.exit_code == ExitCode.REFUSED
    assert found.why
    assert found.next_step
    assert [path for path in sorted(kept.root.rglob("*")) if path.name != "locks"] == before
    assert (plan.freed_now_bytes, plan.freed_later_bytes, plan.is_empty) == (0, 0, True)
    return found


def old_and_new(kept: KeptSets) -> tuple[str, str]:
    """A set that was forgotten long ago, and the one that stays."""
    old, new = kept.take({"alpha": "ab"}), kept.take({"alpha": "cd"})
    kept.forget(old)
    kept.prune()
    kept.now += 8 * DAY
    return old, new


def test_nothing_goes_while_a_younger_backup_is_unfinished(kept: KeptSets) -> None:
    old_and_new(kept)
    writer, _ = kept.begin({"alpha": "ef"})
    found = refusal(kept)
    assert writer.name in found.what
    assert "operation 01OPERATION on keeper" in found.why


def test_nothing_goes_from_a_repository_whose_first_backup_is_unfinished(kept: KeptSets) -> None:
    writer, _ = kept.begin({"alpha": "ef"})
    kept.now += 8 * DAY
    assert writer.name in refusal(kept).what


def test_nothing_goes_while_a_backup_is_unfinished_whose_only_successor_was_forgotten(kept: KeptSets) -> None:
    kept.take({"alpha": "ab"})
    kept.now += DAY
    writer, _ = kept.begin({"alpha": "ef"})
    after = kept.take({"alpha": "cd"})
    kept.forget(after)
    assert writer.name in refusal(kept).what


def test_nothing_goes_while_a_backup_is_dated_in_the_future(kept: KeptSets) -> None:
    old_and_new(kept)
    future = kept.take({"alpha": "ef"}, days=100)
    kept.now -= 100 * DAY
    assert future in refusal(kept).what


def test_nothing_goes_while_a_fragment_of_the_index_is_damaged(kept: KeptSets) -> None:
    old_and_new(kept)
    fragment = next((kept.root / "index").iterdir())
    kept.damage(f"index/{fragment.name}")
    found = refusal(kept)
    assert fragment.name in found.what
    assert "check" in found.next_step


def test_nothing_goes_while_a_pack_is_not_as_long_as_it_was(kept: KeptSets) -> None:
    old_and_new(kept)
    pack = kept.root / kept.pack_of("c")
    pack.write_bytes(pack.read_bytes()[:-1])
    assert pack.name in refusal(kept).what


@pytest.mark.parametrize("part", ["MANIFEST.toml", "alpha/memory.chunks"])
def test_nothing_goes_while_it_cannot_be_said_what_a_damaged_backup_needs(kept: KeptSets, part: str) -> None:
    _, new = old_and_new(kept)
    kept.take({"alpha": "xy"})
    kept.damage(f"backups/{new}/{part}")
    found = refusal(kept)
    assert new in found.what
    assert f"forget {new}" in found.next_step


def test_nothing_goes_while_chunks_of_a_backup_are_missing(kept: KeptSets) -> None:
    _, new = old_and_new(kept)
    (kept.root / kept.pack_of("c")).unlink()
    found = refusal(kept)
    assert new in found.what
    assert "2 of its chunks are in no pack" in found.why


def test_a_damaged_backup_that_was_forgotten_stops_a_prune_only_until_its_grace_is_over(kept: KeptSets) -> None:
    kept.take({"alpha": "ab"})
    new = kept.take({"alpha": "cd"})
    newest = kept.take({"beta": "xy", "alpha": "ab"})
    kept.damage(f"backups/{new}/alpha/memory.chunks")
    kept.forget(new)
    found = refusal(kept)
    assert new in found.what
    assert "--grace" in found.next_step
    kept.now += 8 * DAY
    kept.prune()
    assert not (kept.root / "backups" / new).exists()
    assert kept.read(newest) == {"beta": "xy", "alpha": "ab"}


def test_a_forgotten_set_stays_when_all_that_replaced_it_was_forgotten_as_damaged(kept: KeptSets) -> None:
    old, new = old_and_new(kept)
    kept.damage(f"backups/{new}/alpha/memory.chunks")
    kept.forget(new)
    assert "last backup of alpha" in held_back(kept, old).what
    assert kept.open().set_names() == (old,)


def test_a_repository_without_its_key_is_not_pruned(tmp_path: Path) -> None:
    made = small_repository(tmp_path / "repository", encrypted=True)
    kept = KeptSets(made.path)
    kept.now += 30 * DAY
    before = made.files()
    with pytest.raises(WrongKey):
        kept.plan()
    assert made.files() == before


def held_back(kept: KeptSets, name: str) -> Objection:
    """Why a prune leaves a forgotten set, with its chunks, where it is."""
    result = kept.prune(grace=timedelta(0))
    (objection,) = result.plan.kept_back
    assert objection.set_name == name
    assert objection.why
    assert objection.next_step
    assert kept.read(name) == kept.words[name].copy()
    return objection


def test_a_forgotten_set_that_was_pinned_since_stays(kept: KeptSets) -> None:
    old, _ = old_and_new(kept)
    kept.mark(old, "pin", reason="found to matter")
    assert "found to matter" in held_back(kept, old).why


def test_a_forgotten_set_that_was_put_on_hold_since_stays(kept: KeptSets) -> None:
    old, _ = old_and_new(kept)
    kept.mark(old, "hold", reason="the court")
    assert "the court" in held_back(kept, old).why


def test_a_forgotten_set_with_a_mark_that_cannot_be_read_stays(kept: KeptSets) -> None:
    old, _ = old_and_new(kept)
    kept.mark(old, "pin", reason="found to matter")
    (mark,) = (kept.root / "marks" / old).iterdir()
    kept.damage(f"marks/{old}/{mark.name}")
    assert "hold" in held_back(kept, old).what


def test_a_forgotten_set_stays_when_the_verified_one_that_replaced_it_turned_out_damaged(kept: KeptSets) -> None:
    old = kept.verified(kept.take({"alpha": "ab"}))
    new = kept.verified(kept.take({"alpha": "cd"}))
    kept.forget(old)
    kept.now += 8 * DAY
    kept.verified(new, ok=False)
    assert "last verified backup of alpha" in held_back(kept, old).what


def test_what_one_set_holds_back_keeps_others_from_nothing(kept: KeptSets) -> None:
    pinned, old, new = (kept.take({"alpha": word}) for word in ("ab", "cd", "ef"))
    kept.forget(pinned, old)
    kept.mark(pinned, "pin", reason="found to matter")
    kept.prune(grace=timedelta(0))
    assert kept.open().set_names() == (pinned, new)
    assert len(kept.packs()) == 2


def test_a_mark_in_the_trash_that_cannot_be_read_removes_nothing(kept: KeptSets) -> None:
    old, new = old_and_new(kept)
    kept.damage(f"trash/sets/{old}.toml")
    assert "cannot be read" in held_back(kept, old).what
    assert kept.open().set_names() == (old, new)
