"""When every pack was last read and found whole: packs never change, so a check can go on where an earlier one ended.

A small SQLite file per repository in the cache folder; it may be deleted at any time, and one that is damaged or
cannot be written is done without.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from quri_console.folders import make_private_folders

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS packs (id BLOB PRIMARY KEY, read_ns INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS round (only INTEGER PRIMARY KEY CHECK (only = 1), began_ns INTEGER NOT NULL)",
)
_BUSY_SECONDS = 5.0


class ReadLog:
    """Times are in nanoseconds since 1970. Not for several threads."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        for statement in _SCHEMA:
            connection.execute(statement)

    @classmethod
    def in_memory(cls) -> ReadLog:
        """One that is forgotten when it is closed."""
        return cls(sqlite3.connect(":memory:", isolation_level=None))

    @classmethod
    def open(cls, folder: Path, repository_id: str) -> ReadLog:
        """The log of a repository in a cache folder, empty when there was none; in memory where none can be kept."""
        path = folder / f"read-{repository_id}.sqlite"
        for _ in range(2):
            try:
                make_private_folders(folder)
                path.touch(0o600)
                return cls(_sound(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)))
            except (OSError, sqlite3.OperationalError):
                break  # in use for long, or nothing can be written there
            except sqlite3.DatabaseError:
                # it is only a cache: better none than a damaged one
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
        return cls.in_memory()

    def __enter__(self) -> ReadLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def last_reads(self) -> dict[bytes, int]:
        """When each pack was last read and found whole."""
        return {bytes(identifier): read_ns for identifier, read_ns in self._rows("SELECT id, read_ns FROM packs")}

    @property
    def round_began_ns(self) -> int | None:
        """When the round of reading began that is under way; None when there was none yet."""
        return next((began for (began,) in self._rows("SELECT began_ns FROM round")), None)

    def begin_round(self, now_ns: int) -> None:
        """All packs are to be read anew from now on."""
        self._write("INSERT OR REPLACE INTO round VALUES (1, ?)", [(now_ns,)])

    def end_round(self) -> None:
        """All that was to be read in the round has been read."""
        self._write("DELETE FROM round WHERE only = ?", [(1,)])

    def add(self, packs: Iterable[bytes], now_ns: int) -> None:
        """These were read and found whole."""
        self._write("INSERT OR REPLACE INTO packs VALUES (?, ?)", [(pack, now_ns) for pack in packs])

    def remove(self, packs: Iterable[bytes]) -> None:
        """These are gone, or damaged."""
        self._write("DELETE FROM packs WHERE id = ?", [(pack,) for pack in packs])

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query).fetchall()
        except sqlite3.Error:
            return []

    def _write(self, statement: str, rows: list[tuple[bytes | int, ...]]) -> None:
        # a cache that cannot be written costs time at the next check, and is no reason to fail this one
        with contextlib.suppress(sqlite3.Error), self._connection:
            self._connection.execute("BEGIN")
            self._connection.executemany(statement, rows)


def _sound(connection: sqlite3.Connection) -> sqlite3.Connection:
    """`connection`, when its file is not damaged; raises sqlite3.DatabaseError otherwise."""
    if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        connection.close()
        raise sqlite3.DatabaseError("the file is damaged")
    return connection
