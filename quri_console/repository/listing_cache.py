"""What was read of small objects before, by name and version, in an SQLite file that may be deleted at any time.

A cache that is damaged is made anew, and one that is locked or cannot be written is done without: whoever lists
backups never meets an error of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quri_console.folders import make_private_folders
from quri_console.repository.homes import CACHED_REPOSITORIES

if TYPE_CHECKING:
    import sqlite3

_FORMAT = 1
_BUSY_SECONDS = 0.2
_TIME_KEY = "$utc"
_CREATE = "CREATE TABLE objects (name TEXT PRIMARY KEY, version TEXT, value TEXT, checked INTEGER) WITHOUT ROWID"


def cache_path(cache_folder: Path, repository_id: str, location: str) -> Path:
    """The file for a repository at a place; copies of it elsewhere have another."""
    place = hashlib.sha256(location.encode()).hexdigest()[:16]
    return cache_folder / CACHED_REPOSITORIES / f"{repository_id}-{place}.sqlite"


class ListingCache:
    """JSON values of objects; read whole when this is made, written back by `save`. No method raises."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = dict(_stored_rows(path))
        self._asked: set[str] = set()
        self._new: dict[str, tuple[str, str]] = {}

    def get(self, name: str, version: str) -> Any:
        """What was put for this version of an object; None when nothing was, or it is damaged."""
        self._asked.add(name)
        known = self._known.get(name)
        if known is None or known[0] != version:
            return None
        try:
            return _DECODER.decode(known[1])
        except (TypeError, ValueError):
            return None

    def holds(self, name: str) -> bool:
        """Whether some version of an object was put here."""
        return name in self._known

    def put(self, name: str, version: str, value: Any) -> None:
        """Remember a value of texts, numbers, UTC times, lists and tables; one that JSON would change is not kept."""
        try:
            text = json.dumps(value, default=_encoded, separators=(",", ":"))
            if _DECODER.decode(text) == value:
                self._new[name] = (version, text)
        except (TypeError, ValueError, RecursionError):
            return

    def save(self) -> None:
        """Write what is new, and drop what nobody asked for since this was made: it is no more."""
        gone = self._known.keys() - self._asked
        if not self._new and not gone:
            return
        if not _write(self._path, self._new, gone):
            # damaged, or of another version of this tool
            with contextlib.suppress(OSError):
                self._path.unlink()
                kept = {name: self._known[name] for name in self._known.keys() & self._asked}
                _write(self._path, {**kept, **self._new}, ())


def _encoded(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return {_TIME_KEY: value.astimezone(UTC).isoformat()}
    raise TypeError(type(value).__name__)


def _decoded(table: dict[str, Any]) -> Any:
    return datetime.fromisoformat(table[_TIME_KEY]) if _TIME_KEY in table else table


_DECODER = json.JSONDecoder(object_hook=_decoded)


def _checksum(name: str, version: str, value: str) -> int:
    # SQLite itself would not notice a flipped bit in a value
    return zlib.crc32(f"{name}\0{version}\0{value}".encode())


def _stored_rows(path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    import sqlite3

    if not path.is_file():
        return
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
        ) as connection:
            if _format(connection) != _FORMAT:
                return
            for name, version, value, checked in connection.execute("SELECT * FROM objects"):
                if _checksum(name, version, value) == checked:
                    yield name, (version, value)
    except (sqlite3.Error, OSError, TypeError, ValueError):
        return


def _write(path: Path, new: dict[str, tuple[str, str]], gone: Iterable[str]) -> bool:
    """Whether there is nothing more to be done: all was written, or cannot be now. False when the file is damaged."""
    import sqlite3

    try:
        with _writing(path) as connection:
            if _format(connection) not in (0, _FORMAT):
                return False
            if _format(connection) == 0:
                connection.execute(_CREATE)
                connection.execute(f"PRAGMA user_version = {_FORMAT}")
            connection.executemany("DELETE FROM objects WHERE name = ?", [(name,) for name in gone])
            rows = [(name, version, text, _checksum(name, version, text)) for name, (version, text) in new.items()]
            connection.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", rows)
    except sqlite3.OperationalError as error:
        # all but a schema that is not ours: locked, read-only, no room
        return error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_ERROR
    except sqlite3.DatabaseError:
        return False
    except OSError:
        return True
    return True


def _format(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def _writing(path: Path) -> Iterator[sqlite3.Connection]:
    import sqlite3

    make_private_folders(path.parent)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
        # a power cut may cost the cache, which is nothing; waiting for the disk would cost every listing
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")
