"""A file system that dies after so many operations, as a process does that is killed: nothing after that happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from quri_console.repository.filesystem import FileSystem, RealFileSystem


class Killed(BaseException):
    """The process would be gone here."""


class CutOffFiles:
    """Lets `survives` operations happen and none after them; `count` is how many those were.

    Syncing counts and does nothing: killing a process loses nothing that the system has taken.
    """

    def __init__(self, survives: int | None = None) -> None:
        self._survives = survives
        self._real: FileSystem = RealFileSystem()
        self.count = 0

    def _do(self, operation: str, *arguments: Any) -> None:
        if self._survives is not None and self.count >= self._survives:
            raise Killed(f"at operation {self.count}: {operation}")
        self.count += 1
        if not operation.startswith("sync"):
            getattr(self._real, operation)(*arguments)

    def create(self, path: Path, data: bytes | bytearray | memoryview) -> None:
        self._do("create", path, data)

    def sync_file(self, path: Path) -> None:
        self._do("sync_file", path)

    def link(self, source: Path, target: Path) -> None:
        self._do("link", source, target)

    def rename(self, source: Path, target: Path) -> None:
        self._do("rename", source, target)

    def unlink(self, path: Path) -> None:
        self._do("unlink", path)

    def make_directory(self, path: Path) -> None:
        self._do("make_directory", path)

    def remove_directory(self, path: Path) -> None:
        self._do("remove_directory", path)

    def sync_directory(self, path: Path) -> None:
        self._do("sync_directory", path)
