"""Files that survive a crash: owner-only, fsynced, renamed into place."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quri_console.errors import QuriError
from quri_console.folders import make_private_folders

Json = Mapping[str, Any]

FILE_MODE = 0o600


class StateFolderUnusable(QuriError):
    """Our own state folder cannot be written or read."""


def compact_json(value: object) -> str:
    """One line of JSON with sorted keys: equal values give equal text.

    In ASCII, so that what a canister answered does nothing to the terminal of whoever looks into the file.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def make_private_directory(path: Path) -> None:
    """Create `path` and its parents, owner-only. Raises StateFolderUnusable."""
    try:
        make_private_folders(path)
    except OSError as error:
        raise unusable(path, error) from error


def write_whole(path: Path, text: str) -> None:
    """Put `text` at `path` so that a crash leaves the old or the new file, never a part. Raises StateFolderUnusable."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise unusable(path, error) from error


def sync_directory(path: Path) -> None:
    """Make a rename or a new name in `path` durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unusable(path: Path, error: OSError) -> StateFolderUnusable:
    """The failure of a file of ours, worded."""
    return StateFolderUnusable(
        f"cannot use {path}",
        why=error.strerror or str(error),
        next_step="Check the disk and the owner of this folder; [paths] in the configuration moves it.",
    )
