"""The few file operations that the local backend is made of, so that tests can record them and cut them off."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from quri_console.folders import PRIVATE_FOLDER
from quri_console.repository.files import create_private, sync_directory, write_all


class FileSystem(Protocol):
    """Operations that change a disk. All raise OSError; none is durable before `sync_file` or `sync_directory`."""

    def create(self, path: Path, data: bytes | bytearray | memoryview) -> None:
        """Make a new file with mode 0600 that holds `data`; FileExistsError when something is there."""

    def sync_file(self, path: Path) -> None:
        """Put the content of a file on disk."""

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name; FileExistsError when that is taken."""

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name, replacing what has it."""

    def unlink(self, path: Path) -> None:
        """Take a name away."""

    def make_directory(self, path: Path) -> None:
        """Make one directory with mode 0700; its parent must exist."""

    def remove_directory(self, path: Path) -> None:
        """Remove an empty directory."""

    def sync_directory(self, path: Path) -> None:
        """Put the names in a directory on disk."""


class RealFileSystem:
    """The machine's own."""

    def create(self, path: Path, data: bytes | bytearray | memoryview) -> None:
        descriptor = create_private(path)
        try:
            write_all(descriptor, data, 0)
        finally:
            os.close(descriptor)

    def sync_file(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def link(self, source: Path, target: Path) -> None:
        os.link(source, target, follow_symlinks=False)

    def rename(self, source: Path, target: Path) -> None:
        source.rename(target)

    def unlink(self, path: Path) -> None:
        path.unlink()

    def make_directory(self, path: Path) -> None:
        path.mkdir(mode=PRIVATE_FOLDER)

    def remove_directory(self, path: Path) -> None:
        path.rmdir()

    def sync_directory(self, path: Path) -> None:
        sync_directory(path)
