"""Writing a `.tar.zst` file entry by entry, and reading it again with the strictness that is kept for strangers'."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.errors import CorruptionError
from quri_console.repository.admission import Admission, ArchiveLimits
from quri_console.repository.files import open_regular, write_all
from quri_console.repository.tar_entries import TarReader
from quri_console.repository.unpacking import UnpackedStream

if TYPE_CHECKING:
    import zstandard

OUTER_LEVEL = 1
"""What goes in is compressed already, but for a few records."""
_MODE = 0o600


@dataclass(frozen=True, slots=True)
class TarFact:
    """A file in an archive, and what it holds."""

    name: str
    size: int
    sha256: bytes


class TarZstdWriter:
    """Appends files to an open, empty file. Memory does not grow with the archive, but for one fact per entry."""

    def __init__(self, descriptor: int, time: int) -> None:
        """`time` in seconds since 1970 is that of every entry, so that the same content makes the same headers."""
        import zstandard

        self._descriptor = descriptor
        self._time = time
        compressor = zstandard.ZstdCompressor(level=OUTER_LEVEL, write_checksum=True)
        self._stream: zstandard.ZstdCompressionObj = compressor.compressobj()
        self._digest = hashlib.sha256()
        self._unpacked = 0
        self.size = 0
        """Bytes in the file so far."""
        self.facts: list[TarFact] = []

    @property
    def content_bytes(self) -> int:
        """Bytes of all files so far, before they are compressed."""
        return sum(fact.size for fact in self.facts)

    def add(self, name: str, data: bytes) -> None:
        """Append one file. Raises OSError."""
        header = tarfile.TarInfo(name)
        header.size, header.mtime, header.mode = len(data), self._time, _MODE
        self._write(header.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict"))
        self._write(data)
        self._write(bytes(-len(data) % tarfile.BLOCKSIZE))
        self.facts.append(TarFact(name, len(data), hashlib.sha256(data).digest()))

    def finish(self) -> bytes:
        """End the archive; the SHA-256 of the whole file. Raises OSError."""
        end = self._unpacked + 2 * tarfile.BLOCKSIZE
        self._write(bytes(2 * tarfile.BLOCKSIZE + -end % tarfile.RECORDSIZE))
        self._append(self._stream.flush())
        return self._digest.digest()

    def _write(self, data: bytes) -> None:
        self._unpacked += len(data)
        self._append(self._stream.compress(data))

    def _append(self, packed: bytes) -> None:
        write_all(self._descriptor, packed, self.size)
        self._digest.update(packed)
        self.size += len(packed)


def check_written(
    path: Path, facts: Sequence[TarFact], limits: ArchiveLimits, report: Callable[[int], None] = lambda _: None
) -> None:
    """Read an archive from the disk and compare every entry with what was put in; `report` gets each entry's size.

    Raises CorruptionError when anything differs, RefusedImport when it would be refused where it is opened.
    """
    descriptor = open_regular(path)
    try:
        _forget_cached(descriptor)
        allowed = limits.unpacked_limit(os.fstat(descriptor).st_size)
        archive = TarReader(UnpackedStream(descriptor, "zstd", origin=str(path), limit_bytes=allowed), str(path))
        admission = Admission(str(path), limits)
        expected = iter(facts)
        for entry in archive.entries():
            admission.file(entry.name, entry.size_bytes)
            digest = hashlib.sha256()
            for block in archive.content():
                digest.update(block)
            if TarFact(entry.name, entry.size_bytes, digest.digest()) != next(expected, None):
                raise _not_as_written(entry.name)
            report(entry.size_bytes)
        left = next(expected, None)
        if left is not None:
            raise _not_as_written(left.name)
    finally:
        os.close(descriptor)


def _forget_cached(descriptor: int) -> None:
    """Have the disk asked for a file on it, not the memory it was written from, where the system can do so."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _not_as_written(name: str) -> CorruptionError:
    return CorruptionError(
        f"The archive does not read back as it was written, so it was not kept: {name}",
        why="The disk or the way to it makes mistakes.",
        next_step="Check the disk, or archive to another one.",
    )
