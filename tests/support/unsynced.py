"""The machine's file system without waiting for the disk: for tests and benchmarks that are not about power cuts."""

from __future__ import annotations

from pathlib import Path

from quri_console.repository.filesystem import RealFileSystem


class UnsyncedFileSystem(RealFileSystem):
    """Does everything but fsync."""

    def sync_file(self, path: Path) -> None:
        """Nothing."""

    def sync_directory(self, path: Path) -> None:
        """Nothing."""
