"""What can go wrong with the history's file, in words."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path
from types import TracebackType

from quri_console.errors import QuriError


class HistoryUnusable(QuriError):
    """The history's file cannot be opened, read or written."""


class HistoryDamaged(HistoryUnusable):
    """The file is no database, or one whose content contradicts itself."""


class HistoryReplaced(HistoryUnusable):
    """The file was set aside or deleted while it was open: what is written to it would be lost."""


class failing:  # noqa: N801 - used like a function
    """Turns SQLite's and the system's errors about `path` into HistoryUnusable or HistoryDamaged."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, sqlite3.Error | OSError) and not isinstance(error, TimeoutError):
            failure = HistoryDamaged if means_damage(error) else HistoryUnusable
            what = f"the history {self._path} cannot be used"
            why = f"{error}, for the disk is full" if _hides_a_full_disk(error, self._path) else str(error)
            raise failure(what, why=why, next_step=_advice(why)) from error


def damaged(path: Path, problems: tuple[str, ...]) -> HistoryDamaged:
    """The failure of a database that SQLite finds faults in."""
    more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    return HistoryDamaged(f"the history {path} is damaged", why=f"{problems[0]}{more}", next_step=_SET_ASIDE)


def means_damage(error: BaseException) -> bool:
    """Whether the file itself is the cause, so that trying again cannot help."""
    return isinstance(error, sqlite3.DatabaseError) and any(sign in str(error) for sign in _DAMAGE)


_DAMAGE = ("not a database", "malformed", "file is encrypted")
LEAST_BYTES = 64 * 1024
"""What SQLite needs for the files beside the database: their first parts are written as soon as it is opened."""
_SET_ASIDE = (
    "The file is damaged: the watch sets it aside and carries over what can be read; by hand, move it aside, and a "
    "new history is started."
)


def _hides_a_full_disk(error: BaseException, path: Path) -> bool:
    """SQLite that cannot make the files beside the database says only that input or output failed."""
    if "disk I/O error" not in str(error):
        return False
    with contextlib.suppress(OSError):
        return shutil.disk_usage(path.parent).free < LEAST_BYTES
    return False


def _advice(text: str) -> str:
    if "full" in text or "No space" in text:
        return "Free some disk space; what was written before is safe."
    if "locked" in text:
        return "Another process has been writing for more than 5 s; try again."
    if any(sign in text for sign in _DAMAGE):
        return _SET_ASIDE
    if "readonly" in text or "Read-only" in text:
        return "The file or its disk may only be read: check its permissions, or choose another with [paths] root."
    return "Check the folder and its permissions, or choose another with [paths] root."
