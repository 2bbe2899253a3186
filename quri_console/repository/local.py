"""A folder as backend: everything written is fsynced, file, name and directory, before it counts."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

from quri_console.errors import CorruptionError
from quri_console.folders import make_private_folders
from quri_console.repository.backend import Entry, check_name, missing
from quri_console.repository.files import open_regular, storage_errors
from quri_console.repository.filesystem import FileSystem, RealFileSystem

_counter = itertools.count()
_CREATION_ATTEMPTS = 20


class LocalBackend:
    """Objects as files below `root`, which is made when something is first stored.

    An object is written under a name of its own beginning with a dot, fsynced, then linked (`put_if_absent`) or
    renamed (`put`) into place and its directory fsynced: a reader, or a machine that lost power, finds all of it
    or nothing. Left-over temporary files are nobody's objects.
    """

    def __init__(self, root: Path, filesystem: FileSystem | None = None) -> None:
        self.root = root
        self._files: FileSystem = RealFileSystem() if filesystem is None else filesystem
        self._known_folders: set[Path] = set()

    @property
    def location(self) -> str:
        return str(self.root)

    def put(self, name: str, data: bytes) -> None:
        path = self._path(name)
        with storage_errors(f"write {name}", path):
            temporary = self._written(path, data)
            try:
                self._files.rename(temporary, path)
            except BaseException:
                self._files.unlink(temporary)
                raise
            self._files.sync_directory(path.parent)

    def put_if_absent(self, name: str, data: bytes | bytearray) -> bool:
        path = self._path(name)
        with storage_errors(f"write {name}", path):
            stored = not path.exists() and self._linked(path, data)
            # also the name that another gave it: that one may have been killed before it was on disk
            self._files.sync_directory(path.parent)
        return stored

    def _linked(self, path: Path, data: bytes | bytearray) -> bool:
        temporary = self._written(path, data)
        try:
            self._files.link(temporary, path)
        except FileExistsError:
            return False
        finally:
            self._files.unlink(temporary)
        return True

    def get(self, name: str) -> bytes:
        descriptor, size = self._open(name)
        try:
            return self._read(name, descriptor, 0, size)
        finally:
            os.close(descriptor)

    def get_range(self, name: str, offset: int, size: int) -> bytes:
        descriptor, _ = self._open(name)
        try:
            return self._read(name, descriptor, offset, size)
        finally:
            os.close(descriptor)

    def list(self, prefix: str) -> Iterator[Entry]:
        folder = self._path(prefix)
        with storage_errors(f"list {prefix}", folder):
            yield from sorted(self._entries(folder, prefix), key=lambda entry: entry.name)

    def folders(self, prefix: str) -> tuple[str, ...]:
        folder = self._path(prefix)
        with storage_errors(f"list {prefix}", folder):
            try:
                found = [item.name for item in os.scandir(folder) if item.is_dir(follow_symlinks=False)]
            except FileNotFoundError:
                return ()
            names = sorted(name for name in found if not name.startswith("."))
            # what a crash left under a temporary name is nobody's object
            return tuple(name for name in names if self._holds_something(folder / name))

    def _holds_something(self, folder: Path) -> bool:
        # as `_entries` would tell, but at the first object: lists of many sets begin with this
        try:
            with os.scandir(folder) as items:
                return any(
                    item.is_file(follow_symlinks=False)
                    or (item.is_dir(follow_symlinks=False) and self._holds_something(Path(item.path)))
                    for item in items
                    if not item.name.startswith(".")
                )
        except (FileNotFoundError, NotADirectoryError):
            return False

    def head(self, name: str) -> Entry | None:
        path = self._path(name)
        with storage_errors(f"look at {name}", path):
            try:
                found = path.lstat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return _entry(name, found) if stat.S_ISREG(found.st_mode) else None

    def delete(self, name: str) -> None:
        path = self._path(name)
        with storage_errors(f"delete {name}", path):
            try:
                self._files.unlink(path)
            except FileNotFoundError:
                return
            # another process may have removed the folder meanwhile, because it was empty
            with contextlib.suppress(FileNotFoundError):
                self._files.sync_directory(path.parent)
                self._remove_if_empty(path.parent)

    def _path(self, name: str) -> Path:
        return self.root.joinpath(*check_name(name).split("/"))

    def _written(self, path: Path, data: bytes | bytearray) -> Path:
        """A new file beside `path` with this content, on disk."""
        self._make_folders(path.parent)
        unique = f"{os.getpid()}-{threading.get_ident()}-{next(_counter)}"
        temporary = path.with_name(f".{path.name[:100]}.{unique}")
        try:
            self._create(temporary, data)
            self._files.sync_file(temporary)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        return temporary

    def _create(self, path: Path, data: bytes | bytearray | memoryview) -> None:
        for _ in range(_CREATION_ATTEMPTS):
            try:
                self._files.create(path, data)
            except FileNotFoundError:
                # another process has just removed the folder because it was empty
                self._known_folders.clear()
                self._make_folders(path.parent)
            else:
                return
        self._files.create(path, data)

    def _make_folders(self, folder: Path) -> None:
        if folder in self._known_folders:
            return
        if folder == self.root:
            make_private_folders(folder)
        else:
            self._make_folders(folder.parent)
            try:
                self._files.make_directory(folder)
            except FileExistsError:
                if not folder.is_dir():
                    raise
            # fsynced even when another made it: that one may not have come so far
            self._files.sync_directory(folder.parent)
        self._known_folders.add(folder)

    def _remove_if_empty(self, folder: Path) -> None:
        # the folders directly below the root stay: whoever writes there must not find them gone
        while self.root not in (folder, folder.parent):
            try:
                self._files.remove_directory(folder)
            except OSError:
                return  # not empty, or gone already: both are fine
            self._known_folders.discard(folder)
            self._files.sync_directory(folder.parent)
            folder = folder.parent

    def _open(self, name: str) -> tuple[int, int]:
        path = self._path(name)
        if not os.path.lexists(path):
            raise missing(self.location, name)
        try:
            descriptor = open_regular(path)
        except CorruptionError:
            if not os.path.lexists(path):
                raise missing(self.location, name) from None  # deleted meanwhile
            raise
        return descriptor, os.fstat(descriptor).st_size

    def _read(self, name: str, descriptor: int, offset: int, size: int) -> bytes:
        parts = []
        with storage_errors(f"read {name}", self._path(name)):
            while size > 0 and (part := os.pread(descriptor, size, offset)):
                parts.append(part)
                offset, size = offset + len(part), size - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _entries(self, folder: Path, prefix: str) -> Iterator[Entry]:
        try:
            items = list(os.scandir(folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        for item in items:
            if item.name.startswith("."):
                continue
            name = f"{prefix}/{item.name}"
            if item.is_dir(follow_symlinks=False):
                yield from self._entries(Path(item.path), name)
            elif item.is_file(follow_symlinks=False):
                try:
                    yield _entry(name, item.stat(follow_symlinks=False))
                except FileNotFoundError:
                    continue  # deleted meanwhile


def _entry(name: str, found: os.stat_result) -> Entry:
    return Entry(name, found.st_size, f"{found.st_mtime_ns}-{found.st_size}")
