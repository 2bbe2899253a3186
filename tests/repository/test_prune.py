"""Pruning: what goes now, what is marked to go later, what stays, and that a dry run says it beforehand."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from quri_console.errors import RefusedBySafetyRule
from quri_console.repository.local import LocalBackend
from quri_console.repository.locks import acquire
from quri_console.repository.pack_marks import marked_packs
from quri_console.repository.prune_execute import execute_prune
from quri_console.repository.trash import read_trash, unforget
from tests.support.kept_sets import DAY, KeptSets


@pytest.fixture
def kept(tmp_path: Path) -> KeptSets:
    return KeptSets.create(tmp_path / "repository")


def marked(kept: KeptSets) -> set[str]:
    return {f"packs/{pack.hex()[:2]}/{pack.hex()}" for pack in marked_packs(LocalBackend(kept.root))}


def test_nothing_is_done_where_nothing_was_forgotten(kept: KeptSets) -> None:
    kept.take({"alpha": "ab"})
    kept.take({"alpha": "bc"})
    plan = kept.plan()
    assert plan.is_empty
    assert (plan.freed_now_bytes, plan.freed_later_bytes) == (0, 0)


def test_a_pack_goes_a_grace_after_it_was_marked_and_its_set_a_grace_after_it_was_forgotten(kept: KeptSets) -> None:
    old, new = kept.take({"alpha": "ab"}), kept.take({"alpha": "cd"})
    pack = kept.pack_of("a")
    kept.forget(old)
    first = kept.prune()
    assert first.freed_bytes == 0
    assert marked(kept) == {pack}
    assert kept.read(old) == {"alpha": "ab"}
    kept.now += timedelta(days=7) - timedelta(seconds=1)
    assert kept.plan().is_empty
    kept.now += timedelta(seconds=1)
    second = kept.prune()
    assert pack not in kept.packs()
    assert not (kept.root / "backups" / old).exists()
    assert second.freed_bytes == second.plan.freed_now_bytes > 2 * 16384
    assert marked(kept) == set()
    assert read_trash(LocalBackend(kept.root)).sets == {}
    assert kept.read(new) == {"alpha": "cd"}


def test_a_pack_that_is_marked_only_when_its_set_goes_waits_a_grace_of_its_own(kept: KeptSets) -> None:
    old = kept.take({"alpha": "ab"})
    kept.take({"alpha": "cd"})
    kept.forget(old)
    kept.now += 8 * DAY
    plan = kept.prune().plan
    assert [item.name for item in plan.sets] == [old]
    assert [step.why for step in plan.marked] == ["no backup needs it"]
    assert len(kept.packs()) == 2
    kept.now += 8 * DAY
    kept.prune()
    assert len(kept.packs()) == 1


def test_a_chunk_that_a_forgotten_and_a_kept_set_share_survives(kept: KeptSets) -> None:
    old, new = kept.take({"alpha": "abc"}), kept.take({"alpha": "bcd0"})
    kept.forget(old)
    for _ in range(4):
        kept.now += 8 * DAY
        kept.prune()
        assert kept.read(new) == {"alpha": "bcd0"}
    assert not (kept.root / "backups" / old).exists()


def test_a_forgotten_set_comes_back_whole_after_its_packs_were_marked(kept: KeptSets) -> None:
    old, new = kept.take({"alpha": "ab"}), kept.take({"alpha": "cd"})
    pack = kept.pack_of("a")
    kept.forget(old)
    kept.prune()
    assert marked(kept) == {pack}
    unforget(kept.open(), [old])
    plan = kept.prune().plan
    assert [step.why for step in plan.unmarked] == ["a backup needs it again"]
    assert marked(kept) == set()
    kept.now += 30 * DAY
    assert kept.prune().plan.is_empty
    assert kept.read(old) == {"alpha": "ab"}
    assert kept.read(new) == {"alpha": "cd"}


def test_a_marked_pack_stays_when_a_backup_taken_meanwhile_names_its_chunks(kept: KeptSets) -> None:
    old = kept.take({"alpha": "ab"})
    kept.take({"alpha": "cd"})
    pack = kept.pack_of("a")
    kept.forget(old)
    kept.prune()
    newest = kept.take({"alpha": "ba"})
    assert len(kept.packs()) == 2
    kept.now += 8 * DAY
    plan = kept.prune().plan
    assert [item.name for item in plan.sets] == [old]
    assert len(plan.unmarked) == 1
    kept.now += 30 * DAY
    kept.prune()
    assert pack in kept.packs()
    assert kept.read(newest) == {"alpha": "ba"}


def test_a_grace_of_nothing_frees_everything_at_once(kept: KeptSets) -> None:
    old, new = kept.take({"alpha": "abcdefgh"}), kept.take({"alpha": "hx"})
    kept.take({"alpha": "x"})
    kept.forget(old)
    before = kept.size()
    result = kept.prune(grace=timedelta(0))
    assert result.freed_bytes == result.plan.freed_now_bytes
    assert result.plan.freed_later_bytes == 0
    assert len(result.plan.repacked) == 1
    assert marked(kept) == set()
    assert before - kept.size() > 6 * 16384
    assert kept.plan(grace=timedelta(0)).is_empty
    assert kept.read(new) == {"alpha": "hx"}


def test_what_a_dry_run_says_is_what_a_prune_does(kept: KeptSets) -> None:
    sets = [kept.take({"alpha": word, "beta": word[::-1]}) for word in ("abcdef", "efg", "ghi", "ijk")]
    kept.forget(*sets[:2])
    for _ in range(3):
        before, listed = kept.size(), sorted(kept.root.rglob("*"))
        plan = kept.plan()
        assert kept.plan() == plan
        assert sorted(kept.root.rglob("*")) == listed
        packs = set(kept.packs())
        result = kept.prune()
        assert result.plan == plan
        assert result.freed_bytes == plan.freed_now_bytes
        assert packs - set(kept.packs()) == {f"packs/{s.id.hex()[:2]}/{s.id.hex()}" for s in plan.deleted}
        assert marked(kept) >= {f"packs/{s.id.hex()[:2]}/{s.id.hex()}" for s in (*plan.marked, *plan.repacked)}
        assert not any((kept.root / "backups" / item.name).exists() for item in plan.sets)
        slack = 4096  # index fragments and lists of marked packs
        assert abs(before - plan.freed_now_bytes + result.written_bytes - kept.size()) < slack
        kept.now += 8 * DAY
    assert kept.read(sets[2]) == {"alpha": "ghi", "beta": "ihg"}


def test_bytes_that_a_dry_run_promises_for_later_are_freed_later(kept: KeptSets) -> None:
    old = kept.take({"alpha": "abcdefg"})
    kept.take({"alpha": "gh"})
    kept.forget(old)
    first = kept.prune().plan
    assert first.freed_now_bytes == 0
    kept.now += 8 * DAY
    second = kept.prune()
    kept.now += 8 * DAY
    third = kept.prune()
    assert len(second.plan.repacked) == 1
    assert second.plan.freed_later_bytes == third.freed_bytes
    kept.now += 8 * DAY
    assert kept.plan().is_empty


def test_a_plan_is_refused_after_the_repository_has_changed(kept: KeptSets) -> None:
    old = kept.take({"alpha": "ab"})
    kept.take({"alpha": "cd"})
    kept.forget(old)
    kept.now += 8 * DAY
    plan = kept.plan()
    unforget(kept.open(), [old])
    with kept.locked() as lock, pytest.raises(RefusedBySafetyRule, match="changed"):
        execute_prune(kept.open(), plan, lock)
    assert kept.read(old) == {"alpha": "ab"}


def test_nothing_is_deleted_without_the_exclusive_lock(kept: KeptSets) -> None:
    kept.take({"alpha": "ab"})
    from quri_console.clock import ManualClock

    with (
        acquire(LocalBackend(kept.root), "shared", "a test", ManualClock()) as lock,
        pytest.raises(ValueError, match="exclusive"),
    ):
        execute_prune(kept.open(), kept.plan(), lock)


def test_packs_of_an_aborted_backup_go_and_those_of_an_interrupted_one_stay_while_it_may_be_resumed(
    kept: KeptSets,
) -> None:
    kept.now += DAY
    aborted, _ = kept.begin({"alpha": "xy"})
    aborted.abandon()
    kept.now += DAY
    interrupted, items = kept.begin({"alpha": "uv"})
    new = kept.take({"alpha": "ab"})
    for _ in range(3):
        kept.prune()
        kept.now += 8 * DAY
    assert len(kept.packs()) == 2
    kept.words[interrupted.name] = {"alpha": "uv"}
    interrupted.commit(items, {})
    assert kept.read(interrupted.name) == {"alpha": "uv"}
    assert kept.read(new) == {"alpha": "ab"}


def test_leftovers_of_writers_go_when_they_are_older_than_a_day(kept: KeptSets) -> None:
    name = kept.take({"alpha": "ab"})
    old, young = kept.root / "packs/.0011.77-88-9", kept.root / "packs/.0022.77-88-10"
    foreign = kept.root / "packs/.nfs00000001"
    for path in (old, young, foreign):
        path.write_bytes(b"half a pack")
    for path, age in ((old, 2 * DAY), (young, DAY / 2), (foreign, 2 * DAY)):
        os.utime(path, ((kept.now - age).timestamp(),) * 2)
    note = kept.root / "backups" / name / "unfinished" / "slices-000000"
    note.parent.mkdir()
    note.write_bytes(b"done")
    result = kept.prune()
    assert result.freed_bytes == result.plan.freed_now_bytes == len(b"half a pack") + len(b"done")
    assert [path.exists() for path in (old, young, foreign, note)] == [False, True, True, False]
    assert kept.read(name) == {"alpha": "ab"}


def test_notes_of_an_unfinished_backup_stay(kept: KeptSets) -> None:
    kept.now += DAY
    writer, _ = kept.begin({"alpha": "uv"})
    writer.put_note("slices-000000", b"done")
    kept.take({"alpha": "ab"})
    kept.prune()
    assert [name for name, _ in writer.notes()] == ["slices-000000"]


def test_quarantined_packs_are_not_touched(kept: KeptSets) -> None:
    kept.take({"alpha": "ab"})
    kept.take({"alpha": "cd"})
    put_away = kept.root / "trash/quarantine/packs/00112233"
    put_away.parent.mkdir(parents=True)
    put_away.write_bytes(b"evidence")
    kept.now += 60 * DAY
    kept.prune(grace=timedelta(0))
    assert put_away.read_bytes() == b"evidence"


def test_marks_that_name_packs_which_are_gone_or_cannot_be_read_are_tidied_away(kept: KeptSets) -> None:
    old = kept.take({"alpha": "ab"})
    kept.take({"alpha": "cd"})
    kept.forget(old)
    kept.prune()
    (marks,) = (kept.root / "trash/packs").iterdir()
    kept.damage(f"trash/packs/{marks.name}")
    plan = kept.prune().plan
    assert plan.unreadable_marks == (f"trash/packs/{marks.name}",)
    assert [step.why for step in plan.marked] == ["only forgotten or unfinished backups need it"]
    assert len(marked(kept)) == 1


def test_packs_that_no_fragment_names_are_indexed(kept: KeptSets) -> None:
    name = kept.take({"alpha": "ab"})
    for fragment in (kept.root / "index").iterdir():
        fragment.unlink()
    assert kept.open().index.unindexed
    kept.prune()
    assert not kept.open().index.unindexed
    assert kept.read(name) == {"alpha": "ab"}


def test_many_fragments_become_few(kept: KeptSets) -> None:
    letters = [chr(0x4E00 + number) for number in range(66)]
    names = [kept.take({"alpha": letter}) for letter in letters]
    assert kept.plan().compacts_index
    kept.prune()
    assert len(list((kept.root / "index").iterdir())) == 1
    assert not kept.open().index.unindexed
    assert all(kept.read(name) == {"alpha": letter} for name, letter in zip(names, letters, strict=True))
    assert kept.plan().is_empty
