"""The history's connection: samples in and out, leases, and a look-out for other processes' writes."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiosqlite

from quri_console.errors import QuriError
from quri_console.folders import make_private_folders
from quri_console.history.leases import Leases
from quri_console.history.migrations import migrate, roll_back
from quri_console.history.samples import COLUMNS, SQLITE_MAX_INTEGER, Sample, exact, from_row, to_row

BUSY_TIMEOUT_SECONDS = 5.0

_SELECT = ", ".join(f"s.{column}" for column in COLUMNS)
# ORDER BY … LIMIT 1 walks the primary key backwards and stops at the first hit; MAX() would read every sample
_NEWEST = f"""
SELECT c.canister_id, t.document, {_SELECT} FROM canisters c
JOIN samples s ON s.canister = c.id AND s.at_ns =
    (SELECT n.at_ns FROM samples n WHERE n.canister = c.id AND n.at_ns <= ? AND {{condition}}
     ORDER BY n.at_ns DESC LIMIT 1)
LEFT JOIN settings t ON t.id = s.settings WHERE c.network = ?
"""  # noqa: S608 - column names of our own
_INSERT = (
    f"INSERT OR REPLACE INTO samples (canister, settings, {', '.join(COLUMNS)}) "  # noqa: S608 - as above
    f"VALUES (?, ?{', ?' * len(COLUMNS)})"
)


class HistoryUnusable(QuriError):
    """The history's file cannot be opened, read or written."""


class History:
    """One connection to the history; safe for use by several tasks, and by several processes at once."""

    def __init__(self, path: Path, connection: aiosqlite.Connection) -> None:
        self.path = path
        self._connection = connection
        self._writing = asyncio.Lock()
        self.leases = Leases(self._transaction)

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or create the database (0600, its folder 0700) and bring its schema up to date.

        Raises HistoryUnusable, HistoryTooNew.
        """
        with _failures(path):
            _create_private(path)
            connection = await aiosqlite.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)
        try:
            with _failures(path):
                await connection.execute("PRAGMA journal_mode = WAL")
                await connection.execute("PRAGMA synchronous = NORMAL")
                await connection.execute("PRAGMA foreign_keys = ON")
                await migrate(connection, str(path))
        except BaseException:
            await connection.close()
            raise
        return cls(path, connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; a transaction under way is rolled back."""
        await self._connection.close()

    async def add_samples(self, network: str, samples: Sequence[Sample]) -> None:
        """Write samples in one transaction; one of the same canister and time is replaced.

        Raises HistoryUnusable, for instance when the disk is full; then none was written.
        """
        if not samples:
            return
        async with self._transaction() as connection:
            canisters = await _canister_rows(connection, network, {sample.canister_id for sample in samples})
            documents = {sample.settings for sample in samples if sample.settings is not None}
            settings = await _settings_rows(connection, documents)
            rows = [
                (canisters[sample.canister_id], settings.get(sample.settings), *to_row(sample)) for sample in samples
            ]
            await connection.executemany(_INSERT, rows)

    async def newest_samples(self, network: str, until_ns: int = SQLITE_MAX_INTEGER) -> dict[str, Sample]:
        """The newest attempt of every canister ever sampled on that network, by canister id.

        Samples after `until_ns` do not count: they were written while the clock ran ahead.
        """
        return await self._newest(network, until_ns, "1")

    async def newest_readings(self, network: str, until_ns: int = SQLITE_MAX_INTEGER) -> dict[str, Sample]:
        """The newest sample of every canister that told its balance, by canister id."""
        return await self._newest(network, until_ns, "n.cycles IS NOT NULL")

    async def newest_answers(self, network: str, until_ns: int = SQLITE_MAX_INTEGER) -> dict[str, Sample]:
        """The newest sample of every canister that told anything at all, by canister id."""
        return await self._newest(network, until_ns, "n.origin <> ''")

    async def samples(self, network: str, canister_id: str, since_ns: int = 0) -> tuple[Sample, ...]:
        """All samples of a canister from `since_ns` on, oldest first."""
        statement = (
            f"SELECT t.document, {_SELECT} FROM canisters c JOIN samples s ON s.canister = c.id "  # noqa: S608
            "LEFT JOIN settings t ON t.id = s.settings "
            "WHERE c.network = ? AND c.canister_id = ? AND s.at_ns >= ? ORDER BY s.at_ns"
        )
        rows = await self._rows(statement, (network, canister_id, since_ns))
        return tuple(from_row(canister_id, row[0], row[1:]) for row in rows)

    async def cycles_series(
        self, network: str, since_ns: int, until_ns: int = SQLITE_MAX_INTEGER
    ) -> dict[str, tuple[tuple[int, int], ...]]:
        """(time in ns, cycles) of every canister between two times, both included, oldest first, by canister id."""
        statement = (
            "SELECT c.canister_id, s.at_ns, s.cycles FROM canisters c JOIN samples s ON s.canister = c.id "
            "WHERE c.network = ? AND s.at_ns BETWEEN ? AND ? AND s.cycles IS NOT NULL ORDER BY c.id, s.at_ns"
        )
        series: dict[str, list[tuple[int, int]]] = {}
        for canister_id, at_ns, cycles in await self._rows(statement, (network, since_ns, until_ns)):
            amount = exact(cycles)
            assert amount is not None
            series.setdefault(canister_id, []).append((at_ns, amount))
        return {canister_id: tuple(points) for canister_id, points in series.items()}

    async def data_version(self) -> int:
        """A number that changes when another connection, of any process, has written."""
        rows = await self._rows("PRAGMA data_version", ())
        return int(rows[0][0])

    async def _newest(self, network: str, until_ns: int, condition: str) -> dict[str, Sample]:
        rows = await self._rows(_NEWEST.format(condition=condition), (until_ns, network))
        return {row[0]: from_row(row[0], row[1], row[2:]) for row in rows}

    async def _rows(self, statement: str, parameters: tuple[Any, ...]) -> list[sqlite3.Row]:
        with _failures(self.path):
            async with self._connection.execute(statement, parameters) as cursor:
                return list(await cursor.fetchall())

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """Write alone: among this connection's tasks by a lock, among processes by SQLite's."""
        async with self._writing:
            with _failures(self.path):
                try:
                    await self._connection.execute("BEGIN IMMEDIATE")
                    yield self._connection
                    await self._connection.execute("COMMIT")
                except BaseException:
                    await roll_back(self._connection)
                    raise


class _failures:  # noqa: N801 - used like a function
    """Turns SQLite's and the system's errors about `path` into HistoryUnusable."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, sqlite3.Error | OSError) and not isinstance(error, TimeoutError):
            raise HistoryUnusable(
                f"the history {self._path} cannot be used", why=str(error), next_step=_advice(error)
            ) from error


def _advice(error: sqlite3.Error | OSError) -> str:
    text = str(error)
    if "full" in text or "No space" in text:
        return "Free some disk space; what was written before is safe."
    if "locked" in text:
        return "Another process has been writing for more than 5 s; try again."
    if "not a database" in text or "malformed" in text:
        return "The file is damaged: move it aside, and a new history is started."
    return "Check the folder and its permissions, or choose another with [paths] root."


def _create_private(path: Path) -> None:
    make_private_folders(path.parent)
    # SQLite gives its -wal and -shm files the mode of the database
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


async def _canister_rows(connection: aiosqlite.Connection, network: str, ids: Iterable[str]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for canister_id in ids:
        await connection.execute(
            "INSERT OR IGNORE INTO canisters (network, canister_id) VALUES (?, ?)", (network, canister_id)
        )
        rows[canister_id] = await _id_of(
            connection, "SELECT id FROM canisters WHERE network = ? AND canister_id = ?", (network, canister_id)
        )
    return rows


async def _settings_rows(connection: aiosqlite.Connection, documents: Iterable[str]) -> dict[str | None, int]:
    rows: dict[str | None, int] = {}
    for document in documents:
        digest = hashlib.sha256(document.encode()).digest()
        await connection.execute("INSERT OR IGNORE INTO settings (digest, document) VALUES (?, ?)", (digest, document))
        rows[document] = await _id_of(connection, "SELECT id FROM settings WHERE digest = ?", (digest,))
    return rows


async def _id_of(connection: aiosqlite.Connection, statement: str, parameters: tuple[Any, ...]) -> int:
    async with connection.execute(statement, parameters) as cursor:
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])
