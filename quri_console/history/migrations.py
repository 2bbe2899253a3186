"""The versions of the database's schema; each step runs once, in one transaction."""

from __future__ import annotations

import sqlite3
from contextlib import suppress

import aiosqlite

from quri_console.errors import QuriError

# Columns for cycles have no type: SQLite then keeps an integer as integer and a
# longer amount as text. WITHOUT ROWID keeps one canister's samples side by side.
_VERSION_1 = """
CREATE TABLE canisters (
    id INTEGER PRIMARY KEY,
    network TEXT NOT NULL,
    canister_id TEXT NOT NULL,
    UNIQUE (network, canister_id)
);
CREATE TABLE settings (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    document TEXT NOT NULL
);
CREATE TABLE samples (
    canister INTEGER NOT NULL REFERENCES canisters (id) ON DELETE CASCADE,
    at_ns INTEGER NOT NULL,
    origin TEXT NOT NULL,
    status TEXT,
    cycles,
    reserved_cycles,
    idle_burn_per_day,
    freezing_limit,
    memory_bytes INTEGER,
    heap_bytes INTEGER,
    stable_bytes INTEGER,
    snapshot_bytes INTEGER,
    module_hash BLOB,
    settings INTEGER REFERENCES settings (id),
    latency_ms REAL,
    error_kind TEXT,
    error TEXT,
    PRIMARY KEY (canister, at_ns)
) WITHOUT ROWID;
CREATE TABLE leases (
    duty TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    acquired_ns INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL
);
"""

MIGRATIONS = (_VERSION_1,)


class HistoryTooNew(QuriError):
    """The database was written by a newer version."""


async def migrate(connection: aiosqlite.Connection, name: str) -> None:
    """Bring the schema up to date; another process doing the same at the same time is waited for.

    Raises HistoryTooNew.
    """
    if await _version(connection) == len(MIGRATIONS):
        return
    try:
        await connection.execute("BEGIN IMMEDIATE")
        # read again: the lock may have been waited for while another process migrated
        version = await _version(connection)
        if version > len(MIGRATIONS):
            raise HistoryTooNew(
                f"{name} was written by a newer quri-console",
                why=f"its schema is version {version}, this program knows up to {len(MIGRATIONS)}",
                next_step="Update quri-console, or choose another [paths] root.",
            )
        for step in MIGRATIONS[version:]:
            for statement in _statements(step):
                await connection.execute(statement)
        await connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        await connection.execute("COMMIT")
    except BaseException:
        await roll_back(connection)
        raise


async def roll_back(connection: aiosqlite.Connection) -> None:
    """End a transaction that may or may not have begun.

    A task cancelled while BEGIN waits in the connection's queue cannot know, so ROLLBACK is sent
    in any case and its complaint that there is nothing to undo means that all is well.
    """
    with suppress(sqlite3.OperationalError):
        await connection.execute("ROLLBACK")


def _statements(script: str) -> list[str]:
    # executescript() would commit the transaction first
    return [statement for statement in (part.strip() for part in script.split(";")) if statement]


async def _version(connection: aiosqlite.Connection) -> int:
    async with connection.execute("PRAGMA user_version") as cursor:
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])
