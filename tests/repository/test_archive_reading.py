"""Opening an archive: only what `archive` writes is accepted, nothing in it can be changed, nothing stays behind."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from quri_console.clock import SystemClock
from quri_console.errors import CorruptionError, QuriError, UsageError
from quri_console.repository.admission import ArchiveLimits, RefusedImport
from quri_console.repository.archive import ARCHIVE_LIMITS, write_archive
from quri_console.repository.archive_reading import open_archive
from quri_console.repository.files import StorageFailed
from quri_console.repository.local import LocalBackend
from quri_console.repository.locks import acquire
from quri_console.repository.store import read_facts
from tests.support.repositories import MadeRepository, flip_byte, small_repository

Files = dict[str, bytes]


@pytest.fixture
def made(tmp_path: Path) -> MadeRepository:
    return small_repository(tmp_path / "repository")


@pytest.fixture
def archive(made: MadeRepository, tmp_path: Path) -> Path:
    path = tmp_path / f"{made.names[0]}.tar.zst"
    write_archive(made.open(), made.names[0], path)
    return path


def repacked(archive: Path, change: Callable[[Files], None]) -> Path:
    """The archive with other files in it."""
    raw = zstandard.ZstdDecompressor().stream_reader(archive.read_bytes())
    with tarfile.open(fileobj=raw, mode="r|") as tar:
        files = {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]
    change(files)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
    path = archive.with_name("changed.tar.zst")
    path.write_bytes(zstandard.compress(packed.getvalue()))
    return path


def refusal(path: Path, cache: Path) -> QuriError:
    with pytest.raises(QuriError) as caught, open_archive(path, cache):
        pytest.fail("it was opened")
    assert_nothing_left(cache)
    return caught.value


def assert_nothing_left(cache: Path) -> None:
    assert list((cache / "archives").iterdir()) == []


def test_the_unpacked_folder_lives_in_the_cache_and_goes_with_the_block(archive: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with open_archive(archive, cache) as repository:
        assert isinstance(repository.backend, LocalBackend)
        assert repository.backend.root.is_relative_to(cache)
        assert repository.backend.root.parent.stat().st_mode & 0o777 == 0o700
    assert_nothing_left(cache)


def test_a_failure_inside_the_block_leaves_nothing_either(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), open_archive(archive, tmp_path / "cache"):
        raise ZeroDivisionError
    assert_nothing_left(tmp_path / "cache")


def test_nothing_can_be_written_into_an_opened_archive(archive: Path, tmp_path: Path) -> None:
    with open_archive(archive, tmp_path / "cache") as repository:
        backend = repository.backend
        for change in (
            lambda: backend.put("marks/x.toml", b""),
            lambda: backend.put_if_absent("marks/x.toml", b""),
            lambda: backend.delete("repository.toml"),
        ):
            with pytest.raises(StorageFailed, match="Read-only"):
                change()
        with acquire(backend, "shared", "a test", SystemClock(), optional=True) as lock:
            assert lock.info is None


def test_errors_name_the_archive_and_not_the_folder_that_will_be_gone(archive: Path, tmp_path: Path) -> None:
    with open_archive(archive, tmp_path / "cache") as repository, pytest.raises(QuriError) as caught:
        repository.backend.get("packs/missing")
    assert str(archive) in str(caught.value)
    assert str(tmp_path / "cache") not in str(caught.value)


def test_more_than_one_set_is_refused(made: MadeRepository, archive: Path, tmp_path: Path) -> None:
    second = f"backups/{made.names[1]}/MANIFEST.toml"
    changed = repacked(archive, lambda files: files.update({second: (made.path / second).read_bytes()}))
    assert "holds 2 backups" in refusal(changed, tmp_path / "cache").why


def test_an_archive_without_a_set_is_refused(archive: Path, tmp_path: Path) -> None:
    def without(files: Files) -> None:
        del files[next(name for name in files if name.endswith("MANIFEST.toml"))]

    assert "holds 0 backups" in refusal(repacked(archive, without), tmp_path / "cache").why


def test_any_other_tar_file_is_refused(archive: Path, tmp_path: Path) -> None:
    def other(files: Files) -> None:
        files.clear()
        files["README"] = b"hello"

    error = refusal(repacked(archive, other), tmp_path / "cache")
    assert isinstance(error, RefusedImport)
    assert "holds no repository.toml" in error.why
    assert "archive" in error.next_step


@pytest.mark.parametrize(
    "name",
    [
        "README",
        "backups/20250124T020000Z/alpha/extra.toml",
        "backups/20250124T020000Z/unfinished/note",
        "backups/20250301T020000Z/BEGUN.toml",
        "backups/foo/MANIFEST.toml",
        "marks/20250301T020000Z/20250301T020000Z-pin.toml",
        "locks/abc.toml",
        "trash/sets/20250124T020000Z.toml",
        "packs/00/no-pack",
        "index/no-fragment",
        "keys/of-a-repository-in-the-clear.key",
    ],
)
def test_a_file_that_does_not_belong_to_the_set_is_refused_by_name(archive: Path, tmp_path: Path, name: str) -> None:
    changed = repacked(archive, lambda files: files.update({name: b"x"}))
    assert name in refusal(changed, tmp_path / "cache").why


def test_a_set_of_one_repository_in_the_clothes_of_another_is_refused(archive: Path, tmp_path: Path) -> None:
    other = small_repository(tmp_path / "other", sets=(), seed=b"other")
    assert read_facts(other.backend()).id != read_facts(LocalBackend(tmp_path / "repository")).id
    created = (other.path / "repository.toml").read_bytes()
    changed = repacked(archive, lambda files: files.update({"repository.toml": created}))
    assert "belongs to repository" in refusal(changed, tmp_path / "cache").why


@pytest.mark.parametrize("position", [0, 100, -100, -1])
def test_a_flipped_byte_is_found_when_it_is_opened(archive: Path, tmp_path: Path, position: int) -> None:
    flip_byte(archive, position)
    assert isinstance(refusal(archive, tmp_path / "cache"), CorruptionError)


def test_a_cut_off_archive_is_refused(archive: Path, tmp_path: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-1])
    assert isinstance(refusal(archive, tmp_path / "cache"), CorruptionError)


def test_an_archive_that_would_unpack_to_too_much_is_refused(archive: Path, tmp_path: Path) -> None:
    limits = ArchiveLimits(max_total_bytes=1000)
    with pytest.raises(RefusedImport), open_archive(archive, tmp_path / "cache", limits=limits):
        pytest.fail("it was opened")
    assert ARCHIVE_LIMITS.max_total_bytes > 1 << 40


def test_another_kind_of_file_is_refused_by_its_name(archive: Path, tmp_path: Path) -> None:
    renamed = archive.rename(archive.with_name("backup.zip"))
    assert isinstance(refusal(renamed, tmp_path / "cache"), UsageError)
