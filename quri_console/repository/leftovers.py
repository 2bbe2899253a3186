"""What interrupted writers left behind and nobody reads: temporary files, and notes of sets that are committed."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from quri_console.repository.backend import Backend
from quri_console.repository.files import storage_errors
from quri_console.repository.local import LocalBackend
from quri_console.repository.sets import UNFINISHED_FOLDER, set_folder

_TEMPORARY = re.compile(r"\..{1,100}\.[0-9]+-[0-9]+-[0-9]+")


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file below the repository, by its path there; size in bytes."""

    path: str
    size: int


def temporary_files(backend: Backend, before: datetime) -> tuple[Leftover, ...]:
    """Files that a writer of the local backend had not put in their place before then; other places have none."""
    if not isinstance(backend, LocalBackend):
        return ()
    with storage_errors("look for temporary files", backend.root):
        return tuple(sorted(_temporary(backend.root, backend.root, before), key=lambda item: item.path))


def _temporary(folder: Path, root: Path, before: datetime) -> Iterator[Leftover]:
    try:
        items = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for item in items:
        if item.is_dir(follow_symlinks=False):
            yield from _temporary(Path(item.path), root, before)
        elif _TEMPORARY.fullmatch(item.name):
            found = Path(item.path).lstat()
            if stat.S_ISREG(found.st_mode) and found.st_mtime < before.timestamp():
                yield Leftover(str(Path(item.path).relative_to(root)), found.st_size)


def remove_temporary_file(backend: Backend, leftover: Leftover) -> None:
    """Delete one that `temporary_files` found. Raises StorageFailed."""
    assert isinstance(backend, LocalBackend)
    path = backend.root / leftover.path
    with storage_errors(f"delete {leftover.path}", path):
        path.unlink(missing_ok=True)


def notes_of_committed(backend: Backend, names: Iterable[str]) -> tuple[Leftover, ...]:
    """Notes of committed sets, which only a resumed backup would have read."""
    found = (entry for name in names for entry in backend.list(f"{set_folder(name)}/{UNFINISHED_FOLDER}"))
    return tuple(Leftover(entry.name, entry.size) for entry in found)
