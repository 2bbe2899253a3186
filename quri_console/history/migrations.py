"""The versions of the database's schema; each step runs once, in one transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import suppress
from pathlib import Path

import aiosqlite

from quri_console.clock import Clock
from quri_console.errors import QuriError
from quri_console.history import alerts, causes, duties, events, outbox, payers, rollups, schedule_runs
from quri_console.history.failures import damaged

BUSY_TIMEOUT_SECONDS = 5.0
# copying a large database takes longer than any other write
MIGRATION_TIMEOUT_SECONDS = 120.0

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

_MORE_OF_A_SAMPLE = """
ALTER TABLE samples ADD COLUMN snapshots INTEGER;
ALTER TABLE samples ADD COLUMN chunk_store_bytes INTEGER;
ALTER TABLE samples ADD COLUMN clock_skew_seconds REAL;
"""

_VERSION_2 = _MORE_OF_A_SAMPLE + "".join(
    (events.SCHEMA, rollups.SCHEMA, alerts.SCHEMA, outbox.SCHEMA, duties.SCHEMA, payers.SCHEMA, causes.SCHEMA)
)

MIGRATIONS = (_VERSION_1, _VERSION_2, schedule_runs.SCHEMA)


class HistoryTooNew(QuriError):
    """The database was written by a newer version."""


async def migrate(connection: aiosqlite.Connection, path: Path, clock: Clock) -> None:
    """Bring the schema up to date; another process doing the same at the same time is waited for.

    A database with content is checked and copied first. Raises HistoryTooNew, HistoryDamaged, HistoryUnusable.
    """
    if await _version(connection) == len(MIGRATIONS):
        return
    try:
        await connection.execute(f"PRAGMA busy_timeout = {MIGRATION_TIMEOUT_SECONDS * 1000:.0f}")
        await connection.execute("BEGIN IMMEDIATE")
        # read again: the lock may have been waited for while another process migrated
        version = await _version(connection)
        require_known(version, path)
        if 0 < version < len(MIGRATIONS):
            # loaded only here: opening has to be quick
            from quri_console.history.integrity import copy_before_migration, faults

            problems = await faults(connection)
            if problems:
                raise damaged(path, problems)
            await asyncio.to_thread(copy_before_migration, path, len(MIGRATIONS), clock.now_ns())
        for statement in statements_from(version):
            await connection.execute(statement)
        await connection.execute("COMMIT")
        await connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000:.0f}")
    except BaseException:
        await roll_back(connection)
        raise


async def require_known_version(connection: aiosqlite.Connection, path: Path) -> None:
    """Raise HistoryTooNew before anything is written into a newer program's database."""
    require_known(await _version(connection), path)


def require_known(version: int, path: Path) -> None:
    """Raise HistoryTooNew for a version that this program does not know."""
    if version > len(MIGRATIONS):
        raise HistoryTooNew(
            f"{path} was written by a newer quri-console",
            why=f"its schema is version {version}, this program knows up to {len(MIGRATIONS)}",
            next_step="Update quri-console, or choose another [paths] root.",
        )


def statements_from(version: int) -> list[str]:
    """What makes a database of that version (0: an empty one) one of the newest, within one transaction."""
    steps = [statement for step in MIGRATIONS[version:] for statement in _statements(step)]
    return [*steps, f"PRAGMA user_version = {len(MIGRATIONS)}"] if version < len(MIGRATIONS) else []


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
