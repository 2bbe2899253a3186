"""A file system on which nothing can be changed, whatever the folder below would allow."""

from __future__ import annotations

import errno
import os
from pathlib import Path


class ReadOnlyFileSystem:
    """Refuses every change as a disk mounted for reading does, so that what copes with one copes with this."""

    def create(self, path: Path, data: bytes | bytearray | memoryview) -> None:
        raise _refused(path)

    def sync_file(self, path: Path) -> None:
        raise _refused(path)

    def link(self, source: Path, target: Path) -> None:
        raise _refused(target)

    def rename(self, source: Path, target: Path) -> None:
        raise _refused(target)

    def unlink(self, path: Path) -> None:
        raise _refused(path)

    def make_directory(self, path: Path) -> None:
        raise _refused(path)

    def remove_directory(self, path: Path) -> None:
        raise _refused(path)

    def sync_directory(self, path: Path) -> None:
        raise _refused(path)


def _refused(path: Path) -> OSError:
    return OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
