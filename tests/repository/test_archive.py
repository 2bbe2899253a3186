"""Sealing a set into one file: what it holds, that nothing half-made gets its name, that damage is not archived."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from quri_console.errors import CorruptionError, UsageError
from quri_console.progress import ProgressEvent
from quri_console.repository.archive import Archived, PackSizes, archive_path, write_archive
from quri_console.repository.archive_reading import open_archive
from quri_console.repository.errors import WrongKey
from quri_console.repository.files import DiskFull
from quri_console.repository.filesystem import RealFileSystem
from quri_console.repository.locks import LockLost
from quri_console.repository.marks import put_mark, read_marks
from quri_console.repository.unlocking import unlock_with
from tests.support.kept_sets import content
from tests.support.key_holders import WORDS, age_holder, shared_repository, ssh_holder
from tests.support.repositories import MadeRepository, flip_byte, small_repository

SMALL = PackSizes(512, 1024)


@pytest.fixture(params=["clear", "encrypted"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> MadeRepository:
    return small_repository(tmp_path / "repository", encrypted=request.param == "encrypted")


def archived(made: MadeRepository, name: str, to: Path, **options: object) -> Archived:
    return write_archive(made.open(), name, archive_path(to, name), sizes=SMALL, **options)  # type: ignore[arg-type]


def members(path: Path) -> dict[str, bytes]:
    """The files in an archive in their order, as Python's own tar reads them."""
    raw = zstandard.ZstdDecompressor().stream_reader(path.read_bytes())
    with tarfile.open(fileobj=raw, mode="r|") as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar if entry.isreg()}  # type: ignore[union-attr]


def content_of(made: MadeRepository, name: str, path: Path, cache: Path) -> dict[str, object]:
    with open_archive(path, cache, unlock=made.unlock) as repository:
        assert repository.set_names() == (name,)
        return {folder: made.read_item(repository, name, folder) for folder in made.contents[name]}


@pytest.mark.parametrize("number", [0, 1, 2])
def test_every_set_is_read_from_its_archive_bit_for_bit(made: MadeRepository, tmp_path: Path, number: int) -> None:
    name = made.names[number]
    result = archived(made, name, tmp_path)
    assert result.path == tmp_path / f"{name}.tar.zst"
    assert content_of(made, name, result.path, tmp_path / "cache") == made.contents[name]


def test_an_archive_needs_nothing_of_the_repository_that_it_came_from(made: MadeRepository, tmp_path: Path) -> None:
    name = made.names[1]
    path = archived(made, name, tmp_path).path
    made.path.rename(tmp_path / "gone")
    assert content_of(made, name, path, tmp_path / "cache") == made.contents[name]


def test_the_set_s_own_files_are_in_it_byte_for_byte_and_its_manifest_comes_last(
    made: MadeRepository, tmp_path: Path
) -> None:
    name = made.names[0]
    put_mark(made.backend(), name, "pin", made.now_ns, {"reason": "the audit"})
    found = members(archived(made, name, tmp_path).path)
    own = [str(path) for path in made.files() if str(path).startswith((f"backups/{name}/", f"marks/{name}/"))]
    for member in ("repository.toml", *own):
        assert found[member] == (made.path / member).read_bytes()
    assert next(iter(found)) == "repository.toml"
    assert list(found)[-1] == f"backups/{name}/MANIFEST.toml"
    others = {member.split("/")[0] for member in found if member not in own}
    assert others == {"repository.toml", "packs", "index"} | ({"keys"} if made.encrypted else set())


def test_it_holds_exactly_the_chunks_that_the_set_needs(made: MadeRepository, tmp_path: Path) -> None:
    name = made.names[2]
    whole = made.open()
    manifest = whole.manifest(name)
    lists = [whole.chunk_list(manifest, file.path) for file in manifest.chunk_lists()]
    needed = {identifier for chunks in lists for identifier in chunks.stored_ids}
    with open_archive(archived(made, name, tmp_path).path, tmp_path / "cache", unlock=made.unlock) as repository:
        held = [chunk.id for pack in repository.index.packs.values() for chunk in pack.chunks]
        assert sorted(held) == sorted(needed)
        assert not repository.index.unindexed
        assert len(repository.index.packs) > 1


def test_archives_of_one_set_list_the_same_things_in_the_same_order(made: MadeRepository, tmp_path: Path) -> None:
    name = made.names[0]
    one, two = (members(archived(made, name, tmp_path / f"{i}.tar.zst").path) for i in (1, 2))
    kinds = [[member if member.startswith("b") else member[:5] for member in found] for found in (one, two)]
    assert kinds[0] == kinds[1]


def test_the_digest_and_size_are_those_of_the_file_and_only_its_owner_may_read_it(
    made: MadeRepository, tmp_path: Path
) -> None:
    result = archived(made, made.names[0], tmp_path)
    data = result.path.read_bytes()
    assert (result.size, result.sha256) == (len(data), hashlib.sha256(data).digest())
    assert result.path.stat().st_mode & 0o777 == 0o600
    assert result.encrypted is made.encrypted


def test_marks_that_cannot_be_read_go_along_so_that_they_keep_counting_as_a_hold(
    made: MadeRepository, tmp_path: Path
) -> None:
    name = made.names[0]
    put_mark(made.backend(), name, "pin", made.now_ns, {"reason": "the audit"})
    (mark,) = (made.path / "marks" / name).iterdir()
    flip_byte(mark, 5)
    with open_archive(archived(made, name, tmp_path).path, tmp_path / "cache") as repository:
        assert len(read_marks(repository.backend, name)[1]) == 1


def test_an_encrypted_set_is_not_archived_without_its_key(tmp_path: Path) -> None:
    made = small_repository(tmp_path / "repository", encrypted=True)
    with pytest.raises(WrongKey):
        write_archive(made.open_without_key(), made.names[0], tmp_path / "a.tar.zst")
    assert left_over(tmp_path) == []


def test_the_archive_of_an_encrypted_set_is_not_read_without_its_key(tmp_path: Path) -> None:
    made = small_repository(tmp_path / "repository", encrypted=True)
    name = made.names[0]
    path = archived(made, name, tmp_path).path
    with open_archive(path, tmp_path / "cache") as repository:
        assert repository.manifest(name).name == name
        with pytest.raises(WrongKey):
            made.read_item(repository, name, "alpha")


def test_every_way_into_the_repository_is_a_way_into_the_archive(tmp_path: Path) -> None:
    alice, sam = age_holder("alice"), ssh_holder("ed25519", "sam")
    kept = shared_repository(tmp_path / "repository", alice, sam)
    name = kept.take(WORDS)
    path = tmp_path / "a.tar.zst"
    write_archive(kept.open(), name, path)
    for holder in (alice, sam):
        with open_archive(path, tmp_path / "cache", unlock=unlock_with(holder.secrets)) as repository:
            memory = repository.blob(repository.manifest(name), "alpha/memory.chunks")
            assert memory.read(0, memory.size) == content(WORDS["alpha"])
    stranger = unlock_with(age_holder("eve").secrets)
    with open_archive(path, tmp_path / "cache", unlock=stranger) as repository, pytest.raises(WrongKey):
        repository.record(repository.manifest(name), "alpha/status.toml")


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in ("repository", "cache"))


@pytest.mark.parametrize("kind", ["packs", "backups", "MANIFEST.toml"])
def test_a_damaged_set_is_not_archived(made: MadeRepository, tmp_path: Path, kind: str) -> None:
    name = made.names[0]
    targets = {
        "packs": made.packs_of(name, "alpha")[0],
        "backups": made.path / "backups" / name / "alpha" / "status.toml",
        "MANIFEST.toml": made.path / "backups" / name / "MANIFEST.toml",
    }
    flip_byte(targets[kind], -5)
    with pytest.raises(CorruptionError):
        archived(made, name, tmp_path)
    assert left_over(tmp_path) == []


class Meddling(RealFileSystem):
    """A disk that goes wrong when the archive is fsynced or renamed."""

    def __init__(self, damage: bool = False, full: bool = False) -> None:
        self._damage = damage
        self._full = full

    def sync_file(self, path: Path) -> None:
        if self._full:
            raise OSError(28, os.strerror(28), str(path))
        if self._damage:
            flip_byte(path, path.stat().st_size // 2)


def test_what_does_not_read_back_gets_no_name(made: MadeRepository, tmp_path: Path) -> None:
    with pytest.raises(CorruptionError):
        archived(made, made.names[0], tmp_path, filesystem=Meddling(damage=True))
    assert left_over(tmp_path) == []


def test_a_full_disk_leaves_nothing_behind(made: MadeRepository, tmp_path: Path) -> None:
    with pytest.raises(DiskFull):
        archived(made, made.names[0], tmp_path, filesystem=Meddling(full=True))
    assert left_over(tmp_path) == []


def test_an_interrupted_archive_leaves_nothing_behind(made: MadeRepository, tmp_path: Path) -> None:
    def lost() -> None:
        raise LockLost("the lock was removed")

    with pytest.raises(LockLost):
        archived(made, made.names[0], tmp_path, still_locked=lost)
    assert left_over(tmp_path) == []


def test_a_file_that_is_there_is_never_replaced(made: MadeRepository, tmp_path: Path) -> None:
    name = made.names[0]
    path = archived(made, name, tmp_path).path
    before = path.read_bytes()
    with pytest.raises(UsageError, match="there already"):
        archived(made, name, tmp_path)
    with pytest.raises(UsageError, match="there already"):
        write_archive(made.open(), name, path, sizes=SMALL)
    assert path.read_bytes() == before
    assert left_over(tmp_path) == [path.name]


@pytest.mark.parametrize(("name", "words"), [("backup.zip", "no name for"), ("missing/a.tar.zst", "no folder")])
def test_an_impossible_target_is_refused_before_anything_is_read(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        archive_path(tmp_path / name, "20250124T020000Z")


class Kept:
    """Every event of a progress."""

    def __init__(self) -> None:
        self.events: list[ProgressEvent] = []

    def report(self, event: ProgressEvent) -> None:
        self.events.append(event)

    def last(self) -> Iterator[tuple[str, bool]]:
        ends = {event.phase: event for event in self.events}
        yield from ((phase, event.done == event.total > 0) for phase, event in ends.items())


def test_its_progress_goes_over_archiving_and_reading_back_to_the_end(made: MadeRepository, tmp_path: Path) -> None:
    progress = Kept()
    result = archived(made, made.names[0], tmp_path, progress=progress)
    assert dict(progress.last()) == {"archive": True, "read back": True}
    assert progress.events[0].total == result.content_bytes
