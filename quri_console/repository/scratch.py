"""Private temporary folders that are removed after use, or by the next one whose maker was killed meanwhile."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quri_console.folders import make_private_folders
from quri_console.repository.files import create_private, make_private_directory, storage_errors

_LOCK_SUFFIX = ".lock"


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A new empty folder below `parent` (made if missing) for the length of a `with` block.

    It is known to be in use by a lock that the system drops with the process, so what a killed one left behind is
    removed here. Raises StorageFailed, DiskFull.
    """
    with storage_errors("make a temporary folder", parent):
        make_private_folders(parent)
        _remove_abandoned(parent)
        folder = parent / secrets.token_hex(8)
        lock = folder.with_suffix(_LOCK_SUFFIX)
        descriptor = create_private(lock)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        make_private_directory(folder)
    try:
        yield folder
    finally:
        _remove(folder, lock)
        os.close(descriptor)


def _remove_abandoned(parent: Path) -> None:
    for lock in parent.glob(f"*{_LOCK_SUFFIX}"):
        with contextlib.suppress(OSError):
            descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(lock.with_suffix(""), lock)
            finally:
                os.close(descriptor)


def _remove(folder: Path, lock: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        lock.unlink(missing_ok=True)
