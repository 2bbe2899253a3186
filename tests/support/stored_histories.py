"""Databases as older versions of the program left them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

DATABASES = Path(__file__).resolve().parent.parent / "history" / "databases"
STORED_VERSIONS = (1, 2)


def stored_database(path: Path, version: int) -> Path:
    """Make the stored database of that schema version at `path`, in the mode that the program uses."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DATABASES / f"version_{version}.sql").read_text())
        connection.execute("PRAGMA journal_mode = WAL")
    return path


def schema_of(path: Path) -> tuple[int, set[str]]:
    """The version that a database says it has, and what is in its schema."""
    with closing(sqlite3.connect(path)) as connection:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        return version, {f"{row[0]} {row[1]}" for row in connection.execute("SELECT type, sql FROM sqlite_master")}
