"""A file system that remembers what it was asked for, and every disk that a power cut could leave of it.

What POSIX allows is taken literally: the content of a file that was not fsynced may be whole, cut short or empty, and
a name (made, linked, renamed, removed) in a folder that was not fsynced since may be there or not, each by itself.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from quri_console.repository.filesystem import RealFileSystem

Loss = Literal["nothing", "everything", "something"]
"""What of the unsynced is lost: nothing, all of it, or a random part."""


@dataclass(frozen=True)
class Operation:
    """One operation; paths are relative to the recorded folder."""

    name: str
    path: Path
    target: Path | None = None
    data: bytes = b""


class RecordingFileSystem(RealFileSystem):
    """Does everything below `root`, and remembers it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.operations: list[Operation] = []
        self._created: set[Path] = set()

    def _remember(self, name: str, path: Path, target: Path | None = None, data: bytes = b"") -> None:
        relative = None if target is None else target.relative_to(self.root)
        self.operations.append(Operation(name, path.relative_to(self.root), relative, data))

    def _meet(self, path: Path) -> None:
        """A file that was written past us, before it is first synced or named."""
        if path not in self._created:
            self._created.add(path)
            self._remember("create", path, data=path.read_bytes())

    def create(self, path: Path, data: bytes | bytearray | memoryview) -> None:
        super().create(path, data)
        self._created.add(path)
        self._remember("create", path, data=bytes(data))

    def sync_file(self, path: Path) -> None:
        super().sync_file(path)
        self._meet(path)
        self._remember("sync_file", path)

    def link(self, source: Path, target: Path) -> None:
        super().link(source, target)
        self._created.add(target)
        self._remember("link", source, target)

    def rename(self, source: Path, target: Path) -> None:
        self._meet(source)
        super().rename(source, target)
        self._created.add(target)
        self._remember("rename", source, target)

    def unlink(self, path: Path) -> None:
        super().unlink(path)
        self._created.discard(path)
        self._remember("unlink", path)

    def make_directory(self, path: Path) -> None:
        super().make_directory(path)
        self._remember("make_directory", path)

    def remove_directory(self, path: Path) -> None:
        super().remove_directory(path)
        self._remember("remove_directory", path)

    def sync_directory(self, path: Path) -> None:
        super().sync_directory(path)
        self._remember("sync_directory", path)


@dataclass
class _Inode:
    data: bytes
    synced: bool = False


@dataclass
class _Disk:
    """Names as the disk has them, and what a process sees that the disk may not have yet."""

    names: dict[Path, _Inode | None] = field(default_factory=dict)
    """None is a folder."""
    seen: dict[Path, _Inode | None] = field(default_factory=dict)
    pending: list[tuple[Path, tuple[tuple[Path, _Inode | None, bool], ...]]] = field(default_factory=list)
    """Per change: the folder, and (name, what it leads to, whether it is there afterwards)."""

    def change(self, folder: Path, *changes: tuple[Path, _Inode | None, bool]) -> None:
        _apply(self.seen, changes)
        self.pending.append((folder, changes))

    def sync(self, folder: Path) -> None:
        for place, changes in self.pending:
            if place == folder:
                _apply(self.names, changes)
        self.pending = [change for change in self.pending if change[0] != folder]


def _apply(names: dict[Path, _Inode | None], changes: tuple[tuple[Path, _Inode | None, bool], ...]) -> None:
    for path, inode, there in changes:
        if there:
            names[path] = inode
        else:
            names.pop(path, None)


def _replayed(operations: list[Operation]) -> _Disk:
    disk = _Disk()
    for operation in operations:
        path, target, folder = operation.path, operation.target, operation.path.parent
        match operation.name:
            case "create":
                disk.change(folder, (path, _Inode(operation.data), True))
            case "sync_file":
                inode = disk.seen[path]
                assert inode is not None
                inode.synced = True
            case "link":
                assert target is not None
                disk.change(target.parent, (target, disk.seen[path], True))
            case "rename":
                assert target is not None
                disk.change(folder, (target, disk.seen[path], True), (path, None, False))
            case "unlink" | "remove_directory":
                disk.change(folder, (path, None, False))
            case "make_directory":
                disk.change(folder, (path, None, True))
            case "sync_directory":
                disk.sync(path)
    return disk


def write_disk_after(operations: list[Operation], loss: Loss, randomness: random.Random, folder: Path) -> None:
    """Make in the new `folder` what a machine finds there that lost its power after these operations."""
    disk = _replayed(operations)
    names = dict(disk.names)
    for _, changes in disk.pending:
        if loss == "nothing" or (loss == "something" and randomness.random() < 0.5):
            _apply(names, changes)
    folder.mkdir(mode=0o700)
    for path in sorted(names, key=lambda path: len(path.parts)):
        inode, place = names[path], folder / path
        if not place.parent.is_dir():
            continue  # its folder's own name was lost, and nothing leads there any more
        if inode is None:
            place.mkdir(mode=0o700, exist_ok=True)
        elif not place.exists():
            place.write_bytes(inode.data if inode.synced else _cut(inode.data, loss, randomness))


def _cut(data: bytes, loss: Loss, randomness: random.Random) -> bytes:
    if loss == "nothing":
        return data
    return b"" if loss == "everything" else data[: randomness.randint(0, len(data))]
