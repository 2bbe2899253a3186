"""Where sets lie in a repository and what their directories are called."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from quri_console.clock import NANOSECONDS_PER_SECOND

_SET_PATTERN = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_TIME_FORMAT = "%Y%m%dT%H%M%SZ"
UNFINISHED_PREFIX = ".unfinished-"


def backups_folder(root: Path) -> Path:
    """The folder of all sets in the repository at `root`."""
    return root / "backups"


def set_name(timestamp_ns: int) -> str:
    """The name of a set taken at a time in nanoseconds since 1970: `20250124T020000Z`."""
    return datetime.fromtimestamp(timestamp_ns // NANOSECONDS_PER_SECOND, UTC).strftime(_TIME_FORMAT)


def set_time(name: str) -> datetime:
    """The UTC time in the name of a set; ValueError when it is not such a name."""
    return datetime.strptime(name, _TIME_FORMAT).replace(tzinfo=UTC)


def is_set_name(name: str) -> bool:
    """Whether a directory of this name is a set."""
    if not _SET_PATTERN.fullmatch(name):
        return False
    try:
        set_time(name)
    except ValueError:
        return False
    return True


def set_names(root: Path) -> list[str]:
    """The committed sets, oldest first: directories with the right name and a manifest. OSError if unreadable."""
    # the name of a set sorts as its time does
    return sorted(
        entry.name
        for entry in _entries(root)
        if is_set_name(entry.name) and not entry.is_symlink() and (entry / "MANIFEST.toml").exists()
    )


def unfinished_names(root: Path) -> list[str]:
    """Directories of sets that were never committed, oldest first. OSError if unreadable."""
    return sorted(
        entry.name
        for entry in _entries(root)
        if entry.name.startswith(UNFINISHED_PREFIX) and is_set_name(entry.name.removeprefix(UNFINISHED_PREFIX))
    )


def _entries(root: Path) -> list[Path]:
    # only what does not exist yet is empty; a file in its place or a closed folder is an error
    try:
        return list(backups_folder(root).iterdir())
    except FileNotFoundError:
        return []
