"""Files that only their owner reads, that survive a power cut, and that are what they seem to be."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from quri_console.errors import CorruptionError, QuriError
from quri_console.folders import PRIVATE_FOLDER

PRIVATE_FILE = 0o600
HASH_BLOCK_BYTES = 1 << 20


class StorageFailed(QuriError):
    """The place where backups are kept could not be written or read."""


class DiskFull(StorageFailed):
    """No room is left where backups are kept."""


@contextmanager
def storage_errors(doing: str, path: Path) -> Iterator[None]:
    """Turn an `OSError` of the block into StorageFailed or DiskFull, naming `doing` and `path`."""
    try:
        yield
    except OSError as error:
        raise storage_failure(error, doing, path) from error


def storage_failure(error: OSError, doing: str, path: Path) -> StorageFailed:
    """The user-facing form of an `OSError` met while `doing` something at `path`."""
    why = f"{error.filename or path}: {error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"The disk is full: could not {doing}",
            why=why,
            next_step="Free some space there, or set another folder as [repository] path, then run it again.",
        )
    return StorageFailed(
        f"Could not {doing}", why=why, next_step="Check that the folder exists and that this user may write to it."
    )


def make_private_directory(path: Path) -> None:
    """Make one directory for its owner alone; its parent must exist. Raises FileExistsError like `mkdir`."""
    path.mkdir(mode=PRIVATE_FOLDER)


def create_private(path: Path) -> int:
    """A descriptor for reading and writing a new file with mode 0600; never follows or replaces what is there."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, PRIVATE_FILE)


def write_all(descriptor: int, data: bytes | bytearray | memoryview, offset: int) -> None:
    """Write the whole of `data` at `offset`; a short write is continued, not lost."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def write_private(path: Path, data: bytes) -> None:
    """Create `path` with mode 0600 and `data`, on disk when this returns (the directory entry is not)."""
    descriptor = create_private(path)
    try:
        write_all(descriptor, data, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Put the names in `path` on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_atomically(path: Path, data: bytes) -> None:
    """Make `path` hold `data`, all or nothing, on disk when this returns."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    write_private(temporary, data)
    temporary.rename(path)
    sync_directory(path.parent)


def open_regular(path: Path) -> int:
    """A descriptor for reading a plain file; CorruptionError for a link, device, pipe, directory or missing file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise CorruptionError(f"{path} is missing") from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise CorruptionError(f"{path} is not a plain file", why="Links and devices are never followed.") from error
        raise storage_failure(error, f"open {path.name}", path) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise CorruptionError(f"{path} is not a plain file", why="Links and devices are never followed.")
    return descriptor


def require_directory(path: Path) -> None:
    """CorruptionError unless `path` itself, not a link to it, is a directory."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError as error:
        raise CorruptionError(f"{path} is missing") from error
    if not stat.S_ISDIR(mode):
        raise CorruptionError(f"{path} is not a folder", why="Links are never followed.")


def read_small(path: Path, limit_bytes: int) -> bytes:
    """The content of a plain file of at most `limit_bytes`; CorruptionError when it is larger."""
    descriptor = open_regular(path)
    try:
        size = os.fstat(descriptor).st_size
        if size > limit_bytes:
            raise CorruptionError(f"{path} is too large", why=f"{size} bytes, at most {limit_bytes} are expected.")
        return os.pread(descriptor, limit_bytes, 0)
    finally:
        os.close(descriptor)


def hash_file(path: Path, report: Callable[[int], None] | None = None) -> tuple[int, bytes]:
    """Size and SHA-256 of a plain file, read in blocks; `report` gets the size of each block."""
    descriptor = open_regular(path)
    digest, size = hashlib.sha256(), 0
    block = bytearray(HASH_BLOCK_BYTES)
    try:
        while read := os.readv(descriptor, [block]):
            digest.update(memoryview(block)[:read])
            size += read
            if report is not None:
                report(read)
    finally:
        os.close(descriptor)
    return size, digest.digest()
