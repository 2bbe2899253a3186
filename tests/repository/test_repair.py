"""Repairing a repository: the index from packs alone, damaged packs put away, damaged marks replaced by a hold."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quri_console.clock import ManualClock, utc_datetime
from quri_console.errors import UsageError
from quri_console.repository.check_data import check_data
from quri_console.repository.check_report import Affected
from quri_console.repository.errors import WrongKey
from quri_console.repository.index import load_index
from quri_console.repository.marks import put_mark, read_marks, standing
from quri_console.repository.repair_index import repair_index
from quri_console.repository.repair_marks import repair_marks
from quri_console.repository.repair_packs import repair_packs
from quri_console.repository.store import Repository
from tests.support.bad_disks import BadDisk
from tests.support.cut_off_files import CutOffFiles, Killed
from tests.support.repositories import CHUNK_BYTES, MadeItem, MadeRepository, flip_byte, made_up_bytes, small_repository


@pytest.fixture(params=[False, True], ids=["clear", "encrypted"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> MadeRepository:
    return small_repository(tmp_path / "repository", encrypted=request.param)


def pack_of(made: MadeRepository, folder: str) -> Path:
    """The pack of the newest set's item."""
    name = [name for name, content in made.contents.items() if folder in content][-1]
    return made.packs_of(name, folder)[0]


def frame_offsets(made: MadeRepository, pack: Path) -> list[int]:
    """Where the frames of a pack begin."""
    index = made.open().index
    return [frame.offset for frame in index.packs[bytes.fromhex(pack.name)].frames]


def quarantined(made: MadeRepository) -> dict[str, bytes]:
    """What was put away."""
    folder = made.path / "trash" / "quarantine"
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if folder.exists() else {}


# ── the index ────────────────────────────────────────────────────────────────────────────────────────────────────────


def delete_index(made: MadeRepository) -> None:
    shutil.rmtree(made.path / "index")


def damage_index(made: MadeRepository) -> None:
    for fragment in (made.path / "index").iterdir():
        flip_byte(fragment, 60)


@pytest.mark.parametrize("harm", [delete_index, damage_index])
def test_the_index_is_made_anew_from_the_packs_without_a_key(
    made: MadeRepository, harm: Callable[[MadeRepository], None]
) -> None:
    before = made.open().index
    harm(made)
    repair = repair_index(made.open_without_key())
    assert repair.packs == repair.added_packs == len(before.packs)
    assert repair.fragments_after == len(list((made.path / "index").iterdir())) == 1
    after = load_index(made.backend())
    assert after.packs == before.packs
    assert not after.unindexed
    assert check_data(made.open()).report.notes == ()
    assert not made.refused_items()


def test_packs_that_are_gone_are_dropped_from_the_index(made: MadeRepository) -> None:
    pack_of(made, "gamma").unlink()
    repair = repair_index(made.open())
    assert (repair.dropped_packs, repair.added_packs) == (1, 0)
    assert [note.kind for note in check_data(made.open()).report.notes] == []


def test_a_dry_run_changes_nothing(made: MadeRepository) -> None:
    delete_index(made)
    flip_byte(pack_of(made, "gamma"), -1)
    flip_byte(made.path / "backups" / made.names[0] / "BEGUN.toml", 0)
    before = {name: (made.path / name).read_bytes() for name in made.files()}
    assert repair_index(made.open(), dry_run=True).added_packs == 3
    assert repair_packs(made.open(), dry_run=True).repaired
    assert repair_marks(made.open(), dry_run=True).put_away
    assert {name: (made.path / name).read_bytes() for name in made.files()} == before


def test_a_pack_whose_headers_are_damaged_keeps_what_the_old_index_knew_of_it(made: MadeRepository) -> None:
    pack = pack_of(made, "gamma")
    flip_byte(pack, frame_offsets(made, pack)[1] + 6)
    refused = made.refused_items()
    repair = repair_index(made.open())
    assert [name for name, _ in repair.unreadable] == [str(pack.relative_to(made.path))]
    assert made.refused_items() == refused
    assert bytes.fromhex(pack.name) in made.open().index.packs


def cut_off(made: MadeRepository, action: Callable[[Repository], object], tmp_path: Path) -> Iterator[MadeRepository]:
    """The repository as it is after `action` was killed at each of its operations on files."""
    whole = tmp_path / "whole"
    shutil.copytree(made.path, whole)
    survives = 0
    while True:
        shutil.rmtree(made.path)
        shutil.copytree(whole, made.path)
        files = CutOffFiles(survives)
        try:
            action(Repository.open(made.path, unlock=made.unlock, clock=ManualClock(made.now_ns), filesystem=files))
        except Killed:
            yield made
            survives += 1
        else:
            assert survives > 3
            return


def test_an_index_repair_killed_anywhere_loses_nothing(made: MadeRepository, tmp_path: Path) -> None:
    flip_byte(next((made.path / "index").iterdir()), 50)
    for killed in cut_off(made, repair_index, tmp_path):
        assert not killed.refused_items()
        repair_index(killed.open())
        report = check_data(killed.open()).report
        assert report.ok
        assert {note.kind for note in report.notes} <= {"leftover"}


# ── packs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_damaged_pack_is_put_away_and_all_that_can_be_read_of_it_is_kept(made: MadeRepository) -> None:
    pack = pack_of(made, "gamma")
    flip_byte(pack, -1)
    damaged = pack.read_bytes()
    before = set(made.open().index.packs[bytes.fromhex(pack.name)].chunks)
    (repair,) = repair_packs(made.open()).repaired
    assert not pack.exists()
    assert quarantined(made) == {pack.name: damaged}
    assert repair.quarantine == f"trash/quarantine/{pack.name}"
    assert repair.saved_chunks + len(repair.lost) == len(before)
    assert 0 < len(repair.lost) <= 4
    assert repair.affected == (Affected(made.names[2], "gamma"),)
    repository = made.open()
    for chunk in before:
        assert (chunk.id in repository.index) == (chunk.id not in repair.lost)
    report = check_data(repository).report
    assert {damage.kind for damage in report.damages} == {"chunks"}
    assert report.affected == repair.affected
    assert made.refused_items() == {(made.names[2], "gamma")}


def test_chunks_beside_a_damaged_one_in_the_same_raw_frame_are_saved(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(4 * CHUNK_BYTES)
    made = small_repository(tmp_path / "repository", sets=[{"alpha": MadeItem({"wasm_memory": noise})}])
    flip_byte(made.packs()[0], -1)
    (repair,) = repair_packs(made.open()).repaired
    assert (repair.saved_chunks, len(repair.lost)) == (3, 1)


def test_a_pack_whose_every_frame_is_whole_loses_nothing(made: MadeRepository) -> None:
    pack = pack_of(made, "gamma")
    pack.write_bytes(pack.read_bytes() + b"appended")
    (repair,) = repair_packs(made.open()).repaired
    assert repair.lost == ()
    assert repair.affected == ()
    assert check_data(made.open()).report.ok
    assert not made.refused_items()


def test_frames_behind_a_lost_header_are_found_by_the_index_and_without_it(made: MadeRepository) -> None:
    pack = pack_of(made, "gamma")
    offsets = frame_offsets(made, pack)
    assert len(offsets) > 3
    whole, chunks = pack.read_bytes(), 21
    for index_is_there in (True, False):
        flip_byte(pack, offsets[1] + 6)
        if not index_is_there:
            delete_index(made)
        (repair,) = repair_packs(made.open(), dry_run=True).repaired
        # the index knows the header that was lost; without it the frame is lost, and those behind it are not
        assert repair.saved_chunks == (chunks if index_is_there else chunks - 4)
        pack.write_bytes(whole)


def test_bytes_cut_out_of_the_middle_cost_only_their_frames(made: MadeRepository) -> None:
    pack = pack_of(made, "gamma")
    offsets = frame_offsets(made, pack)
    whole = pack.read_bytes()
    pack.write_bytes(whole[: offsets[1] + 200] + whole[offsets[1] + 210 :])
    (repair,) = repair_packs(made.open()).repaired
    assert 0 < len(repair.lost) <= 4
    assert made.refused_items() == {(made.names[2], "gamma")}


def test_an_encrypted_pack_whose_own_header_is_lost_is_lost_and_one_in_the_clear_is_not(made: MadeRepository) -> None:
    pack = pack_of(made, "gamma")
    flip_byte(pack, 20)
    (repair,) = repair_packs(made.open()).repaired
    assert (repair.saved_chunks, bool(repair.lost)) == ((0, True) if made.encrypted else (21, False))
    assert made.refused_items() == ({(made.names[2], "gamma")} if made.encrypted else set())


def test_packs_that_changed_names_are_stored_anew(made: MadeRepository) -> None:
    one, other = pack_of(made, "gamma"), pack_of(made, "beta")
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    assert len(repair_packs(made.open()).repaired) == 2
    assert check_data(made.open()).report.ok
    assert not made.refused_items()
    assert len(quarantined(made)) == 2


def test_what_a_disk_with_bad_sectors_still_gives_is_saved(made: MadeRepository) -> None:
    pack = pack_of(made, "gamma")
    name = str(pack.relative_to(made.path))
    disk = BadDisk(made.path, {name: range(10, 12)})
    repository = Repository.open(disk, unlock=made.unlock, clock=ManualClock(made.now_ns))
    (repair,) = repair_packs(repository).repaired
    assert repair.name == name
    assert not pack.exists()
    assert set(quarantined(made)) == {pack.name}


def test_only_the_packs_that_are_named_are_looked_at(made: MadeRepository) -> None:
    one, other = pack_of(made, "gamma"), pack_of(made, "beta")
    flip_byte(one, -1)
    flip_byte(other, -1)
    result = repair_packs(made.open(), [one.name[:8]])
    assert (result.read_packs, [pack.name for pack in result.repaired]) == (1, [str(one.relative_to(made.path))])
    assert other.exists()
    for unknown in ("ffffffffffffffff", "ab", "packs/00/00"):
        with pytest.raises(UsageError):
            repair_packs(made.open(), [unknown])


def test_whole_packs_stay_where_they_are(made: MadeRepository) -> None:
    before = made.files()
    result = repair_packs(made.open())
    assert (result.read_packs, result.repaired) == (len(made.packs()), ())
    assert made.files() == before


def test_packs_are_repaired_although_the_index_is_damaged(made: MadeRepository) -> None:
    flip_byte(pack_of(made, "gamma"), -1)
    damage_index(made)
    assert len(repair_packs(made.open()).repaired) == 1
    assert made.refused_items() == {(made.names[2], "gamma")}
    repair_index(made.open())
    assert {damage.kind for damage in check_data(made.open()).report.damages} == {"chunks"}


def test_without_its_key_an_encrypted_pack_is_not_touched(tmp_path: Path) -> None:
    made = small_repository(tmp_path / "repository", encrypted=True)
    flip_byte(made.packs()[0], -1)
    before = made.files()
    with pytest.raises(WrongKey):
        repair_packs(made.open_without_key())
    assert made.files() == before


def test_a_second_damage_to_a_pack_of_the_same_name_is_kept_beside_the_first(made: MadeRepository) -> None:
    pack = pack_of(made, "gamma")
    whole = pack.read_bytes()
    for position in (-1, -2):
        pack.parent.mkdir(exist_ok=True)
        pack.write_bytes(whole)
        flip_byte(pack, position)
        repair_packs(made.open())
    kept = quarantined(made)
    assert len(kept) == 2
    assert all(name.startswith(pack.name) for name in kept)


def test_a_pack_repair_killed_anywhere_loses_nothing_that_could_be_read(made: MadeRepository, tmp_path: Path) -> None:
    pack = pack_of(made, "beta")
    flip_byte(pack, -1)
    refused = made.refused_items()
    damaged = pack.read_bytes()
    for killed in cut_off(made, repair_packs, tmp_path):
        assert killed.refused_items() <= refused
        assert pack.exists() or quarantined(killed)[pack.name] == damaged
        repair_packs(killed.open())
        assert killed.refused_items() <= refused
        assert not pack.exists()


def test_a_new_backup_of_the_same_state_heals_older_ones(made: MadeRepository) -> None:
    pack = pack_of(made, "gamma")
    flip_byte(pack, -1)
    # before the damaged pack was put away, a new backup relies on the chunks in it
    assert repair_packs(made.open()).lost_chunks
    assert made.refused_items() == {(made.names[2], "gamma")}
    gamma = made.contents[made.names[2]]["gamma"]
    made.add_set({"gamma": gamma.with_blob("more", made_up_bytes(77, 999))})
    assert not made.refused_items()
    assert check_data(made.open()).report.ok


# ── marks and notes ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_damaged_mark_is_put_away_and_the_set_is_held(made: MadeRepository) -> None:
    backend, name = made.backend(), made.names[0]
    put_mark(backend, name, "pin", made.now_ns, {"reason": "the audit"})
    (mark,) = (made.path / "marks" / name).iterdir()
    flip_byte(mark, 3)
    begun = made.path / "backups" / made.names[1] / "BEGUN.toml"
    flip_byte(begun, 3)
    damaged = [f"marks/{name}/{mark.name}", str(begun.relative_to(made.path))]
    assert [damage.name for damage in check_data(made.open()).report.damages] == damaged[::-1]
    repair = repair_marks(made.open())
    assert list(repair.put_away) == damaged
    assert repair.held_sets == (name,)
    marks, unreadable = read_marks(backend, name)
    assert unreadable == ()
    stands = standing(marks, unreadable, utc_datetime(made.now_ns))
    assert stands.held
    assert "may have been a pin" in stands.hold_reason
    assert len(quarantined(made)) == 2
    assert check_data(made.open()).report.ok
    assert repair_marks(made.open()).put_away == ()


def test_a_mark_that_belongs_to_another_set_counts_as_damaged(made: MadeRepository) -> None:
    put_mark(made.backend(), made.names[0], "unpin", made.now_ns, {})
    (mark,) = (made.path / "marks" / made.names[0]).iterdir()
    moved = made.path / "marks" / made.names[1]
    mark.parent.rename(moved)
    assert read_marks(made.backend(), made.names[1]) == ((), (f"marks/{made.names[1]}/{mark.name}",))
    assert repair_marks(made.open()).held_sets == (made.names[1],)
