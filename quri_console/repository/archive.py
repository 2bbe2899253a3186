"""Sealing one backup set into one portable file, `<set>.tar.zst`: a repository in miniature, opened like any other.

It has the id and the ways in of the repository it comes from, the set's records byte for byte, and new packs with the
chunks that the set needs and no others.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from quri_console.errors import CorruptionError, UsageError
from quri_console.progress import NoProgress, Progress, ProgressEvent
from quri_console.repository.admission import DEFAULT_LIMITS
from quri_console.repository.chunk_writer import ChunkWriter
from quri_console.repository.files import create_private, storage_errors
from quri_console.repository.filesystem import FileSystem, RealFileSystem
from quri_console.repository.index import Index
from quri_console.repository.key_file import KEYS_FOLDER
from quri_console.repository.marks import MARKS_FOLDER
from quri_console.repository.memory import MemoryBackend
from quri_console.repository.pack_format import FRAME_BYTES, PACK_BYTES
from quri_console.repository.sets import BEGUN_NAME, SetManifest, StoredFile, manifest_object, set_folder
from quri_console.repository.store import REPOSITORY_FILE, Repository
from quri_console.repository.tar_writer import TarZstdWriter, check_written

ARCHIVE_SUFFIX = ".tar.zst"
ARCHIVE_LIMITS = replace(DEFAULT_LIMITS, max_files=200_000, max_total_bytes=1 << 42)
"""What an archive may hold: 4 TiB in packs of 16 MiB. What it unpacks to stays bound to its own size."""


@dataclass(frozen=True, slots=True)
class Archived:
    """A finished archive. `size` in bytes and `sha256` are those of the file; `content_bytes` of all chunks in it."""

    path: Path
    set_name: str
    encrypted: bool
    size: int
    sha256: bytes
    content_bytes: int


@dataclass(frozen=True, slots=True)
class PackSizes:
    """When frames and packs are full, in bytes."""

    frame_bytes: int = FRAME_BYTES
    pack_bytes: int = PACK_BYTES


def archive_path(wanted: Path, set_name: str) -> Path:
    """The file for a set: `wanted`, or one called after the set in the folder `wanted`.

    Raises UsageError where a file of this name is there, no folder is, or another kind of file was named.
    """
    path = wanted / f"{set_name}{ARCHIVE_SUFFIX}" if wanted.is_dir() else wanted
    if not path.name.endswith(ARCHIVE_SUFFIX):
        raise UsageError(
            f"{path} is no name for an archive",
            why=f"It is no folder, and does not end with {ARCHIVE_SUFFIX}.",
            next_step="Name a folder that exists, or a file with this ending.",
        )
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}", next_step="Make it, or name another.")
    _refuse_existing(path)
    return path


def write_archive(
    repository: Repository,
    set_name: str,
    path: Path,
    *,
    level: int = 3,
    progress: Progress | None = None,
    still_locked: Callable[[], None] = lambda: None,
    filesystem: FileSystem | None = None,
    sizes: PackSizes | None = None,
) -> Archived:
    """Seal a set into the new file `path`, which appears under its name only when it was read back and found right.

    A shared lock must be held where the repository can be written; `still_locked` is called all the while. Chunks are
    compared with their names and records with the manifest on the way, so that a damaged set is not archived.
    Memory is bounded by a few packs. Raises CorruptionError, WrongKey, StorageFailed, DiskFull, UsageError.
    """
    files = filesystem or RealFileSystem()
    work = _Archiving(repository, repository.manifest(set_name), progress or NoProgress(), still_locked)
    with storage_errors(f"archive {set_name}", path), _temporary_file(path, files) as (temporary, descriptor):
        tar = TarZstdWriter(descriptor, int(work.manifest.taken_at.timestamp()))
        work.write(tar, level, sizes or PackSizes())
        sha256 = tar.finish()
        files.sync_file(temporary)
        check_written(temporary, tar.facts, ARCHIVE_LIMITS, work.reporter("read back", tar.content_bytes))
        _refuse_existing(path)
        files.rename(temporary, path)
        files.sync_directory(path.parent)
    return Archived(path, set_name, repository.encrypted, tar.size, sha256, work.content_bytes)


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise UsageError(f"{path} is there already", next_step="Move it away, or choose another name by --to.")


@contextmanager
def _temporary_file(path: Path, files: FileSystem) -> Iterator[tuple[Path, int]]:
    """A new file beside `path` and its descriptor; gone afterwards unless it was renamed."""
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
    descriptor = create_private(temporary)
    try:
        yield temporary, descriptor
    finally:
        os.close(descriptor)
        with contextlib.suppress(FileNotFoundError):
            files.unlink(temporary)


class _Archiving:
    """One set on its way into an archive."""

    def __init__(
        self, repository: Repository, manifest: SetManifest, progress: Progress, still_locked: Callable[[], None]
    ) -> None:
        self.manifest = manifest
        self.content_bytes = 0
        self._repository = repository
        self._backend = repository.backend
        self._progress = progress
        self._still_locked = still_locked

    def write(self, tar: TarZstdWriter, level: int, sizes: PackSizes) -> None:
        """Everything in the order in which a repository is written: what needs something comes after it."""
        self._copy(tar, REPOSITORY_FILE)
        if self._repository.encrypted:
            for entry in self._backend.list(KEYS_FOLDER):
                self._copy(tar, entry.name)
        needed = self._needed_chunks()
        self.content_bytes = sum(needed.values())
        self._write_packs(tar, needed, level, sizes)
        for entry in self._backend.list(f"{MARKS_FOLDER}/{self.manifest.name}"):
            self._copy(tar, entry.name)
        begun = f"{set_folder(self.manifest.name)}/{BEGUN_NAME}"
        if self._backend.head(begun) is not None:
            self._copy(tar, begun)
        for file in self.manifest.files:
            tar.add(f"{set_folder(self.manifest.name)}/{file.path}", self._stored(file))
        self._copy(tar, manifest_object(self.manifest.name))

    def reporter(self, phase: str, total: int) -> Callable[[int], None]:
        """What takes how many bytes were done since it was called last."""
        done = 0

        def report(size: int) -> None:
            nonlocal done
            done += size
            self._still_locked()
            self._progress.report(ProgressEvent(phase, done, total, "bytes", subject=self.manifest.name))

        return report

    def _copy(self, tar: TarZstdWriter, name: str) -> None:
        tar.add(name, self._backend.get(name))

    def _stored(self, file: StoredFile) -> bytes:
        """A record as it lies there, compared with the manifest; no key is needed."""
        data = self._backend.get(f"{set_folder(self.manifest.name)}/{file.path}")
        if hashlib.sha256(data).digest() != file.sha256:
            raise CorruptionError(
                f"{file.path} in backup {self.manifest.name} is damaged, so it is not archived",
                why="Its SHA-256 is not the one in the manifest.",
                next_step="Archive another backup; `quri-console check` tells what else is damaged.",
            )
        return data

    def _needed_chunks(self) -> Mapping[bytes, int]:
        """The length of every chunk that the set needs by its name, in the order in which a restore reads them."""
        needed: dict[bytes, int] = {}
        for file in self.manifest.chunk_lists():
            chunks = self._repository.chunk_list(self.manifest, file.path)
            for position, identifier in enumerate(chunks.ids):
                if identifier is not None:
                    needed.setdefault(identifier, chunks.length(position))
        return needed

    def _write_packs(self, tar: TarZstdWriter, needed: Mapping[bytes, int], level: int, sizes: PackSizes) -> None:
        report = self.reporter("archive", self.content_bytes)
        staged, written = MemoryBackend(), Index()
        writer = ChunkWriter(
            staged,
            self._repository.vault,
            written,
            level=level,
            pack_bytes=sizes.pack_bytes,
            frame_bytes=sizes.frame_bytes,
        )
        for identifier, length in needed.items():
            chunk = self._repository.chunk(identifier)
            if len(chunk) != length or writer.add(chunk, length).ids != (identifier,):
                raise CorruptionError(
                    f"Chunk {identifier.hex()[:16]}… of backup {self.manifest.name} is not what the backup says",
                    next_step="Archive another backup; `quri-console check` tells what else is damaged.",
                )
            _move(staged, tar)
            report(length)
        writer.flush()
        _move(staged, tar)


def _move(staged: MemoryBackend, tar: TarZstdWriter) -> None:
    """Pass full packs on, so that only what is not full yet is held in memory."""
    for name, data in staged.take_all():
        tar.add(name, data)
