"""Checking a repository: what is damaged, whom it reaches, what is only worth a note, and what is noted beside sets."""

from __future__ import annotations

import errno
import random
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.clock import ManualClock, utc_datetime
from quri_console.errors import CorruptionError, ExitCode
from quri_console.repository.check import check_repository
from quri_console.repository.check_data import DataOptions, check_data
from quri_console.repository.check_report import Affected, CheckReport
from quri_console.repository.check_selection import Part, ShareSample
from quri_console.repository.check_structure import check_structure
from quri_console.repository.files import StorageFailed
from quri_console.repository.index import pack_id, put_fragment
from quri_console.repository.locks import RepositoryLocked, acquire
from quri_console.repository.marks import put_mark, read_marks, standing
from quri_console.repository.read_log import ReadLog
from quri_console.repository.sets import encode_manifest
from quri_console.repository.store import Repository
from quri_console.repository.verification import mark_verified, verify_set
from tests.support.bad_disks import BadDisk, ReadOnlyDisk, WatchedDisk
from tests.support.repositories import CHUNK_BYTES, MadeItem, MadeRepository, flip_byte, made_up_bytes, small_repository

EVERY_PACK = DataOptions()


@pytest.fixture(params=[False, True], ids=["clear", "encrypted"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> MadeRepository:
    return small_repository(tmp_path / "repository", encrypted=request.param)


@pytest.fixture
def many(tmp_path: Path) -> MadeRepository:
    """One set in ten packs."""
    heap = made_up_bytes(1, 40 * CHUNK_BYTES)
    sets = [{"alpha": MadeItem({"wasm_memory": heap})}]
    return small_repository(tmp_path / "many", sets=sets, frame_bytes=512, pack_bytes=1000)


def named(report: CheckReport) -> dict[str, tuple[Affected, ...]]:
    """The damaged objects, each with whom it reaches."""
    return {damage.name: damage.affected for damage in report.damages}


def notes(report: CheckReport, kind: str) -> set[str]:
    """The names in the notes of one kind."""
    return {note.name for note in report.notes if note.kind == kind}


def read_packs(disk: WatchedDisk) -> set[str]:
    """The packs that were read."""
    return {name for name in disk.reads if name.startswith("packs/")}


def on(made: MadeRepository, disk: BadDisk | ReadOnlyDisk | WatchedDisk) -> Repository:
    """The repository as it is seen through a disk."""
    return Repository.open(disk, unlock=made.unlock, clock=ManualClock(made.now_ns))


# ── the structure ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_whole_repository_has_neither_damage_nor_notes(made: MadeRepository) -> None:
    report = check_structure(made.open())
    assert report.ok
    assert report.exit_code == ExitCode.OK
    assert report.notes == ()
    assert report.files == sum(len(made.open().manifest(name).files) for name in made.names)
    assert [item.name for item in report.sets] == list(made.names)
    sizes = {
        name: sum(len(b) for i in content.values() for b in i.blobs.values()) for name, content in made.contents.items()
    }
    assert {item.name: item.logical_bytes for item in report.sets} == sizes


def test_the_structure_is_checked_without_reading_any_pack(made: MadeRepository) -> None:
    disk = WatchedDisk(made.path)
    assert check_structure(on(made, disk)).ok
    assert not read_packs(disk)


def test_a_missing_pack_is_missed_by_the_items_that_need_its_chunks(made: MadeRepository) -> None:
    for pack in made.packs_of(made.names[2], "gamma"):
        pack.unlink()
    report = check_structure(made.open())
    (damage,) = report.damages
    assert damage.name == f"backups/{made.names[2]}/gamma/wasm_memory.chunks"
    assert "are in no pack" in damage.why
    assert damage.affected == (Affected(made.names[2], "gamma"),)
    assert len(damage.chunks) == 21
    assert notes(report, "index") == {"index"}


def test_a_pack_that_was_cut_off_reaches_only_what_lay_behind_the_cut(made: MadeRepository) -> None:
    (pack,) = made.packs_of(made.names[0], "beta")
    pack.write_bytes(pack.read_bytes()[:-1])
    report = check_structure(made.open())
    assert report.affected == (Affected(made.names[0], "beta"), Affected(made.names[1], "beta"))
    assert {(item.set_name, item.folder) for item in report.affected} == made.refused_items()


def test_without_a_key_an_encrypted_repository_is_checked_as_far_as_that_goes(tmp_path: Path) -> None:
    made = small_repository(tmp_path / "repository", encrypted=True)
    whole = check_data(made.open_without_key()).report
    assert whole.ok
    assert whole.key_problem is not None
    assert whole.exit_code == ExitCode.WRONG_KEY
    record, pack = made.path / "backups" / made.names[0] / "alpha" / "status.toml", made.packs()[0]
    flip_byte(record, 3)
    flip_byte(pack, 700)
    report = check_data(made.open_without_key()).report
    assert set(named(report)) == {str(path.relative_to(made.path)) for path in (record, pack)}
    assert report.exit_code == ExitCode.CORRUPTION
    assert report.affected == (Affected(made.names[0], "alpha"),)


def test_unfinished_sets_are_named_with_who_makes_them(made: MadeRepository) -> None:
    writer = made.begin_set({"alpha": MadeItem({"wasm_memory": b"new" * 100})})
    writer.put_note("progress", b"half way")
    report = check_structure(made.open())
    assert report.ok
    (note,) = report.notes
    assert (note.kind, note.name) == ("unfinished", f"backups/{writer.name}")
    assert "operation op-3" in note.text


def test_a_manifest_that_is_gone_is_damage_where_marks_tell_of_it(made: MadeRepository) -> None:
    put_mark(made.backend(), made.names[1], "pin", made.now_ns, {})
    (made.path / "backups" / made.names[1] / "MANIFEST.toml").unlink()
    report = check_structure(made.open())
    assert named(report) == {f"backups/{made.names[1]}/MANIFEST.toml": (Affected(made.names[1], ""),)}


def test_a_manifest_of_another_repository_is_damage(made: MadeRepository, tmp_path: Path) -> None:
    other = small_repository(tmp_path / "other", encrypted=not made.encrypted)
    manifest = Path("backups") / made.names[0] / "MANIFEST.toml"
    foreign = other.open().manifest(made.names[0])
    (made.path / manifest).write_bytes(encode_manifest(replace(foreign, repository_id="00" * 16)))
    assert named(check_structure(made.open())) == {str(manifest): (Affected(made.names[0], ""),)}


def test_files_that_are_not_ours_are_notes_wherever_they_lie(made: MadeRepository) -> None:
    (made.path / "elsewhere").mkdir()
    foreign = ["README", "elsewhere/x", "packs/x", "index/fragment", f"backups/{made.names[0]}/alpha/more", "backups/x"]
    for name in foreign:
        (made.path / name).write_bytes(b"?")
    (made.path / "packs" / "link").symlink_to(made.path / "README")
    report = check_data(made.open()).report
    assert report.ok
    assert notes(report, "foreign") == {*foreign, "packs/link"}


def test_what_killed_writers_left_behind_is_noted(made: MadeRepository) -> None:
    (made.path / "packs" / ".0123.1-2-3").write_bytes(b"half")
    note = made.path / "backups" / made.names[0] / "unfinished" / "alpha.progress"
    note.parent.mkdir()
    note.write_bytes(b"half way")
    report = check_structure(made.open())
    assert report.ok
    assert notes(report, "leftover") == {"packs/.0123.1-2-3", str(note.relative_to(made.path))}


def test_damaged_marks_locks_and_trash_are_named_and_reach_no_backup(made: MadeRepository) -> None:
    backend = made.backend()
    put_mark(backend, made.names[0], "pin", made.now_ns, {"reason": "the audit"})
    put_mark(backend, made.names[1], "pin", made.now_ns, {"reason": "the audit"})
    with acquire(backend, "shared", "a test", ManualClock(made.now_ns)):
        damaged = [next((made.path / folder).rglob("*.toml")) for folder in ("locks", f"marks/{made.names[0]}")]
        for folder in ("sets", "packs"):
            (made.path / "trash" / folder).mkdir(parents=True)
            damaged.append(made.path / "trash" / folder / f"{made.names[2]}.toml")
            damaged[-1].write_bytes(b"what = 1\n")
        flip_byte(damaged[0], 5)
        flip_byte(damaged[1], 5)
        report = check_structure(made.open())
    assert set(named(report)) == {str(path.relative_to(made.path)) for path in damaged}
    assert report.affected == ()
    assert all(damage.next_step for damage in report.damages)


def test_packs_that_no_fragment_names_are_a_note(made: MadeRepository) -> None:
    next((made.path / "index").iterdir()).unlink()
    report = check_data(made.open()).report
    assert report.ok
    assert notes(report, "index") == {"index"}


def test_a_fragment_that_says_what_its_pack_does_not_is_found(made: MadeRepository) -> None:
    repository = made.open()
    pack = next(iter(repository.index.packs.values()))
    shifted = replace(pack, frames=tuple(replace(frame, offset=frame.offset + 1) for frame in pack.frames))
    for fragment in (made.path / "index").iterdir():
        fragment.unlink()
    put_fragment(made.backend(), [shifted])
    report = check_data(made.open()).report
    assert set(named(report)) == {pack.name}
    assert "repair index" in report.damages[0].next_step
    assert {(item.set_name, item.folder) for item in report.affected} == made.refused_items()


def test_a_set_that_is_committed_while_the_index_was_known_is_whole(made: MadeRepository) -> None:
    repository = made.open()
    assert len(repository.index)
    name = made.add_set({"delta": MadeItem({"wasm_memory": made_up_bytes(99, 2000)})})
    assert check_structure(repository).ok
    repository = made.open()
    assert len(repository.index)
    later = made.add_set({"delta": MadeItem({"wasm_memory": made_up_bytes(98, 2000)})})
    assert verify_set(repository, later).ok
    assert verify_set(repository, name).ok


def test_a_sector_that_cannot_be_read_is_damage_but_missing_rights_are_not(made: MadeRepository) -> None:
    record = f"backups/{made.names[0]}/alpha/status.toml"
    pack = str(made.packs_of(made.names[2], "gamma")[0].relative_to(made.path))
    report = check_data(on(made, BadDisk(made.path, {record: None, pack: range(700, 701)}))).report
    assert set(named(report)) == {record, pack}
    with pytest.raises(StorageFailed):
        check_structure(on(made, BadDisk(made.path, {record: None}, errno.EACCES)))
    with pytest.raises(StorageFailed):
        check_data(on(made, BadDisk(made.path, {pack: None}, errno.EACCES)))


# ── the packs ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_damaged_pack_names_its_lost_chunks_and_whom_they_reach_and_others_still_read(made: MadeRepository) -> None:
    (pack,) = made.packs_of(made.names[2], "gamma")
    flip_byte(pack, -1)
    report = check_data(made.open()).report
    (damage,) = report.damages
    assert damage.name == str(pack.relative_to(made.path))
    assert damage.affected == (Affected(made.names[2], "gamma"),)
    repository = made.open()
    manifest = repository.manifest(made.names[2])
    chunks = repository.chunk_list(manifest, "gamma/wasm_memory.chunks")
    assert set(damage.chunks) < set(chunks.stored_ids)
    for identifier in damage.chunks:
        with pytest.raises(CorruptionError):
            repository.chunk(identifier)
    assert made.refused_items() == {(made.names[2], "gamma")}


def test_a_chunk_that_another_pack_holds_too_is_no_loss(tmp_path: Path) -> None:
    made = small_repository(tmp_path / "repository")
    (pack,) = made.packs_of(made.names[2], "gamma")
    away = tmp_path / "away"
    pack.rename(away)
    made.add_set(made.contents[made.names[2]])
    away.rename(pack)
    flip_byte(pack, -1)
    report = check_data(made.open()).report
    assert [damage.chunks for damage in report.damages] == [()]
    assert report.affected == ()
    assert verify_set(made.open(), made.names[2]).ok
    assert not made.refused_items()


def test_every_pack_is_in_exactly_one_of_the_parts(many: MadeRepository) -> None:
    read: list[str] = []
    for number in (1, 2, 3):
        disk = WatchedDisk(many.path)
        report = check_data(on(many, disk), DataOptions(Part(number, 3))).report
        assert report.data is not None
        assert report.data.read_packs == len(read_packs(disk))
        read += sorted(read_packs(disk))
    assert sorted(read) == sorted(str(pack.relative_to(many.path)) for pack in many.packs())


def test_a_sample_reads_its_share_of_what_was_not_read_for_longest(many: MadeRepository) -> None:
    half, read = DataOptions(ShareSample(0.5)), []
    with ReadLog.in_memory() as log:
        for moment in range(2):
            disk = WatchedDisk(many.path)
            repository = Repository.open(disk, clock=ManualClock(many.now_ns + moment))
            assert check_data(repository, half, log=log, source=random.Random(moment)).report.ok
            read.append(read_packs(disk))
    packs = {str(pack.relative_to(many.path)) for pack in many.packs()}
    assert len(read[0]) in (len(packs) // 2, len(packs) // 2 + 1)
    assert read[0] | read[1] == packs
    other = WatchedDisk(many.path)
    check_data(on(many, other), half, source=random.Random(7))
    assert read_packs(other) not in (set(), packs)


class HurryingClock(ManualClock):
    """A clock that moves a second each time it is looked at."""

    def monotonic(self) -> float:
        self._elapsed_ns += 1_000_000_000
        return super().monotonic()


def one_run(
    many: MadeRepository, log: ReadLog, seconds: float, now_ns: int
) -> tuple[CheckReport, set[str], tuple[str, ...]]:
    """A check that has time for some packs: what it found and read, and which sets it knows to be whole."""
    disk = WatchedDisk(many.path)
    repository = Repository.open(disk, clock=HurryingClock(now_ns))
    check = check_data(repository, DataOptions(deadline=seconds), log=log)
    return check.report, read_packs(disk), check.whole


def test_a_check_that_ran_out_of_time_goes_on_where_it_stopped_and_then_starts_over(many: MadeRepository) -> None:
    packs = {str(pack.relative_to(many.path)) for pack in many.packs()}
    with ReadLog.in_memory() as log:
        first, read_first, whole_first = one_run(many, log, 0, many.now_ns)
        assert first.ok
        assert first.exit_code == ExitCode.OK
        assert first.data is not None
        assert first.data.stopped_early
        assert first.data.round_packs == len(read_first) < len(packs) == first.data.total_packs
        assert whole_first == ()
        second, read_second, whole_second = one_run(many, log, 1000, many.now_ns + 1)
        assert second.data is not None
        assert not second.data.stopped_early
        assert second.data.round_packs == len(packs)
        assert read_second == packs - read_first
        assert whole_second == many.names
        assert one_run(many, log, 1000, many.now_ns + 2)[1] == packs


def test_a_damaged_pack_is_read_again_by_every_run_and_ends_no_round(many: MadeRepository) -> None:
    flip_byte(many.packs()[3], 200)
    bad = str(many.packs()[3].relative_to(many.path))
    with ReadLog.in_memory() as log:
        read: set[str] = set()
        for moment in range(len(many.packs())):
            report, now_read, _ = one_run(many, log, 0, many.now_ns + moment)
            read |= now_read
            if report.data is not None and not report.data.stopped_early:
                break
        assert not report.ok
        assert len(read) == len(many.packs())
        report, read, whole = one_run(many, log, 1000, many.now_ns + 1000)
    assert set(named(report)) == {bad}
    assert len(read) == len(many.packs())
    assert whole == ()


def test_what_was_read_is_remembered_in_the_cache_folder(many: MadeRepository, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    packs = {pack_id(str(pack.relative_to(many.path))) for pack in many.packs()}
    for damage in (b"", b"not a database, but long enough to be taken for one" * 100):
        check_repository(many.open(), EVERY_PACK, cache=cache)
        with ReadLog.open(cache, many.open().id) as log:
            assert set(log.last_reads()) == packs
        for path in cache.iterdir():
            path.write_bytes(damage)
    with ReadLog.open(cache, many.open().id) as log:
        assert log.last_reads() == {}


def test_a_cache_that_cannot_be_written_is_done_without(many: MadeRepository, tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"a file where the folder should be")
    assert check_repository(many.open(), EVERY_PACK, cache=tmp_path / "cache" / "checks").ok


# ── what is noted beside sets ────────────────────────────────────────────────────────────────────────────────────────


def stands(made: MadeRepository, name: str) -> tuple[bool, bool]:
    """Whether a set counts as verified, and as damaged."""
    repository = made.open()
    marks, unreadable = read_marks(repository.backend, name)
    found = standing(marks, unreadable, utc_datetime(made.now_ns))
    return found.verified_at is not None, found.damaged_at is not None


def test_sets_of_which_all_was_read_are_noted_as_verified(made: MadeRepository) -> None:
    report = check_repository(made.open(), EVERY_PACK, tool="quri-console 9")
    assert report.marked == made.names
    assert [stands(made, name) for name in made.names] == [(True, False)] * 3
    (mark,) = read_marks(made.backend(), made.names[0])[0]
    assert mark.fields["tool"] == "quri-console 9"
    assert mark.fields["scope"] == "data"
    assert mark.fields["bytes"] == report.sets[0].logical_bytes


def test_damaged_sets_are_noted_once_and_not_again_every_night(made: MadeRepository) -> None:
    flip_byte(made.packs_of(made.names[2], "gamma")[0], -1)
    assert check_repository(made.open(), EVERY_PACK).marked == made.names
    assert [stands(made, name) for name in made.names] == [(True, False), (True, False), (False, True)]
    assert made.names[2] not in check_repository(made.open(), EVERY_PACK).marked
    (mark,) = read_marks(made.backend(), made.names[2])[0]
    assert mark.fields["folders"] == ["gamma"]


def test_a_check_of_the_structure_notes_damage_and_never_that_all_is_well(made: MadeRepository) -> None:
    assert check_repository(made.open()).marked == ()
    (made.path / "backups" / made.names[0] / "alpha" / "status.toml").unlink()
    assert check_repository(made.open()).marked == (made.names[0],)
    assert stands(made, made.names[0]) == (False, True)


def test_a_repository_that_is_only_read_gets_its_report_and_no_note(made: MadeRepository) -> None:
    before = made.files()
    report = check_repository(on(made, ReadOnlyDisk(made.path)), EVERY_PACK)
    assert report.ok
    assert report.marked == ()
    assert made.files() == before


def test_nothing_is_checked_while_somebody_deletes(made: MadeRepository) -> None:
    with (
        acquire(made.backend(), "exclusive", "prune", ManualClock(made.now_ns)),
        pytest.raises(RepositoryLocked),
    ):
        check_repository(made.open())


def test_verifying_a_set_reads_only_the_frames_it_needs_and_is_noted(made: MadeRepository) -> None:
    disk = WatchedDisk(made.path)
    repository = on(made, disk)
    verification = verify_set(repository, made.names[2])
    assert verification.ok
    assert verification.folders == ("gamma",)
    assert read_packs(disk) == {str(pack.relative_to(made.path)) for pack in made.packs_of(made.names[2], "gamma")}
    verification.require_whole()
    assert mark_verified(repository, verification, "test")
    assert stands(made, made.names[2]) == (True, False)


def test_one_item_that_is_whole_says_nothing_of_its_set(made: MadeRepository) -> None:
    repository = made.open()
    assert not mark_verified(repository, verify_set(repository, made.names[0], folder="alpha"), "test")
    flip_byte(made.path / "backups" / made.names[0] / "beta" / "status.toml", 0)
    assert verify_set(repository, made.names[0], folder="alpha").ok
    verification = verify_set(repository, made.names[0], folder="beta")
    assert mark_verified(repository, verification, "test")
    assert stands(made, made.names[0]) == (False, True)
    with pytest.raises(CorruptionError) as refused:
        verification.require_whole()
    assert "beta/status.toml" in refused.value.what


def test_verifying_a_set_without_manifest_says_so(made: MadeRepository) -> None:
    flip_byte(made.path / "backups" / made.names[0] / "MANIFEST.toml", 0)
    verification = verify_set(made.open(), made.names[0])
    assert [damage.kind for damage in verification.damages] == ["manifest"]
    assert verification.folders == ()
