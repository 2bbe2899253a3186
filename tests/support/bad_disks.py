"""A folder on a disk that cannot read some of it any more, or that nothing may be written to."""

from __future__ import annotations

import errno
from pathlib import Path

from quri_console.repository.files import storage_failure
from quri_console.repository.local import LocalBackend


class BadDisk(LocalBackend):
    """Answers `code` for every read that touches one of the `sectors`: object and range of bytes (None: all of it)."""

    def __init__(self, root: Path, sectors: dict[str, range | None], code: int = errno.EIO) -> None:
        super().__init__(root)
        self._sectors = sectors
        self._code = code

    def get(self, name: str) -> bytes:
        if name in self._sectors:
            raise _failure(self._code, name)
        return super().get(name)

    def get_range(self, name: str, offset: int, size: int) -> bytes:
        if name in self._sectors:
            sector = self._sectors[name]
            if sector is None or (offset < sector.stop and sector.start < offset + size):
                raise _failure(self._code, name)
        return super().get_range(name, offset, size)


class ReadOnlyDisk(LocalBackend):
    """Refuses every change, as a disk does that is mounted to be read only."""

    def put(self, name: str, data: bytes) -> None:
        raise _failure(errno.EROFS, name)

    def put_if_absent(self, name: str, data: bytes | bytearray) -> bool:
        raise _failure(errno.EROFS, name)

    def delete(self, name: str) -> None:
        raise _failure(errno.EROFS, name)


class WatchedDisk(LocalBackend):
    """Remembers which objects were read, in their order."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[str] = []

    def get_range(self, name: str, offset: int, size: int) -> bytes:
        self.reads.append(name)
        return super().get_range(name, offset, size)


def _failure(code: int, name: str) -> Exception:
    error = OSError(code, "the disk says no")
    try:
        raise storage_failure(error, f"use {name}", Path(name)) from error
    except Exception as failure:  # noqa: BLE001 - made here, with its cause
        return failure
