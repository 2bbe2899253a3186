"""The history's connection: samples in and out, leases, and a look-out for other processes' writes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiosqlite

from quri_console.clock import Clock, SystemClock
from quri_console.history.access import Access
from quri_console.history.alerts import Alerts
from quri_console.history.causes import Causes
from quri_console.history.connecting import connect, use_write_ahead_log
from quri_console.history.duties import Duties
from quri_console.history.events import Events
from quri_console.history.failures import HistoryReplaced, HistoryUnusable, failing
from quri_console.history.leases import Leases
from quri_console.history.migrations import migrate, require_known_version, roll_back
from quri_console.history.outbox import Outbox
from quri_console.history.payers import Payers
from quri_console.history.retention import Retention
from quri_console.history.rollups import Rollups
from quri_console.history.samples import SQLITE_MAX_INTEGER, Sample, exact, from_row
from quri_console.history.schedule_runs import ScheduleRuns
from quri_console.history.series import BurnPiece, ChartColumn, burn_pieces, chart_columns
from quri_console.history.writing import SAMPLE_COLUMNS, SampleWriter

__all__ = ["History", "HistoryUnusable"]

# a round writes to one page per canister: the longer it waits in the log, the more rounds share the page's way home
WAL_PAGES = 4000
WAL_BYTES_KEPT = 16 << 20

# ORDER BY … LIMIT 1 walks the primary key backwards and stops at the first hit; MAX() would read every sample
_NEWEST = f"""
SELECT c.canister_id, t.document, {SAMPLE_COLUMNS} FROM canisters c
JOIN samples s ON s.canister = c.id AND s.at_ns =
    (SELECT n.at_ns FROM samples n WHERE n.canister = c.id AND n.at_ns <= ? AND {{condition}}
     ORDER BY n.at_ns DESC LIMIT 1)
LEFT JOIN settings t ON t.id = s.settings WHERE c.network = ?
"""  # noqa: S608 - column names of our own


class History:
    """One connection to the history; safe for use by several tasks, and by several processes at once."""

    def __init__(self, path: Path, connection: aiosqlite.Connection) -> None:
        self.path = path
        self._connection = connection
        self._writing = asyncio.Lock()
        self._writer = SampleWriter()
        self._identity = _identity(path)
        self.leases = Leases(self._transaction)
        access = Access(self._transaction, self._rows)
        self.events = Events(access)
        self.rollups = Rollups(access)
        self.alerts = Alerts(access)
        self.outbox = Outbox(access)
        self.duties = Duties(access)
        self.causes = Causes(access)
        self.payers = Payers(access)
        self.schedule_runs = ScheduleRuns(access)
        self.retention = Retention(access)

    @classmethod
    async def open(cls, path: Path, *, clock: Clock | None = None) -> Self:
        """Open or create the database (0600, its folder 0700) and bring its schema up to date.

        A database of an older version is checked and copied before it is changed; else nothing is checked
        here, for opening has to be quick. Raises HistoryUnusable, HistoryDamaged, HistoryTooNew.
        """
        with failing(path):
            connection = await connect(path)
        try:
            with failing(path):
                await require_known_version(connection, path)
                await use_write_ahead_log(connection)
                await connection.execute("PRAGMA synchronous = NORMAL")
                await connection.execute("PRAGMA foreign_keys = ON")
                await connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
                await connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_KEPT}")
                await migrate(connection, path, clock or SystemClock())
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
        if samples:
            async with self._sampling() as connection:
                await self._writer.add(connection, network, samples)

    async def add_missing_samples(self, network: str, samples: Sequence[Sample]) -> int:
        """Write those samples that are not there yet, as samples or added up in rollups; how many these were.

        Raises HistoryUnusable; then none was written.
        """
        if not samples:
            return 0
        async with self._sampling() as connection:
            return await self._writer.add_missing(connection, network, samples)

    async def newest_samples(self, network: str, until_ns: int = SQLITE_MAX_INTEGER) -> dict[str, Sample]:
        """The newest attempt of every canister ever asked for on that network, by canister id.

        Samples after `until_ns` do not count: they were written while the clock ran ahead.
        """
        return await self._newest(network, until_ns, "n.origin <> 'imported'")

    async def newest_readings(self, network: str, until_ns: int = SQLITE_MAX_INTEGER) -> dict[str, Sample]:
        """The newest sample of every canister that told its balance, by canister id."""
        return await self._newest(network, until_ns, "n.cycles IS NOT NULL AND n.origin <> 'imported'")

    async def newest_answers(self, network: str, until_ns: int = SQLITE_MAX_INTEGER) -> dict[str, Sample]:
        """The newest sample of every canister that told anything at all, by canister id."""
        return await self._newest(network, until_ns, "n.origin NOT IN ('', 'imported')")

    async def samples(self, network: str, canister_id: str, since_ns: int = 0) -> tuple[Sample, ...]:
        """All samples of a canister from `since_ns` on, oldest first."""
        statement = (
            f"SELECT t.document, {SAMPLE_COLUMNS} FROM canisters c JOIN samples s ON s.canister = c.id "  # noqa: S608
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

    async def burn_series(self, network: str, canister_id: str, since_ns: int = 0) -> tuple[BurnPiece, ...]:
        """The burn of a canister from `since_ns` on in pieces without gap or overlap, oldest first.

        One piece per interval of samples in the 14 days before the newest, per hour in the 90 days, per day
        before that. A bucket that begins before `since_ns` is left out.
        """
        async with self._reading() as connection:
            return await burn_pieces(connection, network, canister_id, since_ns)

    async def chart(self, network: str, canister_id: str, since_ns: int, points: int) -> tuple[ChartColumn, ...]:
        """The balance from `since_ns` to the newest sample in at most `points` columns, oldest first.

        Columns of equal width; those in which no balance was read are left out.
        """
        async with self._reading() as connection:
            return await chart_columns(connection, network, canister_id, since_ns, points)

    async def _newest(self, network: str, until_ns: int, condition: str) -> dict[str, Sample]:
        rows = await self._rows(_NEWEST.format(condition=condition), (until_ns, network))
        return {row[0]: from_row(row[0], row[1], row[2:]) for row in rows}

    async def _rows(self, statement: str, parameters: tuple[Any, ...]) -> list[sqlite3.Row]:
        with failing(self.path):
            async with self._connection.execute(statement, parameters) as cursor:
                return list(await cursor.fetchall())

    @asynccontextmanager
    async def _sampling(self) -> AsyncIterator[aiosqlite.Connection]:
        async with self._transaction() as connection:
            try:
                yield connection
            except BaseException:
                self._writer.forget()
                raise

    def _transaction(self) -> AbstractAsyncContextManager[aiosqlite.Connection]:
        """Write alone: among this connection's tasks by a lock, among processes by SQLite's."""
        return self._alone("BEGIN IMMEDIATE")

    def _reading(self) -> AbstractAsyncContextManager[aiosqlite.Connection]:
        """Read several times from one state of the database."""
        return self._alone("BEGIN")

    @asynccontextmanager
    async def _alone(self, begin: str) -> AsyncIterator[aiosqlite.Connection]:
        async with self._writing:
            with failing(self.path):
                self._require_in_place()
                try:
                    await self._connection.execute(begin)
                    yield self._connection
                    await self._connection.execute("COMMIT")
                except BaseException:
                    await roll_back(self._connection)
                    raise

    def _require_in_place(self) -> None:
        # another process may have found the file damaged and set it aside
        if _identity(self.path) != self._identity:
            raise HistoryReplaced(
                f"the history {self.path} was replaced while it was open",
                why="it was set aside or deleted, so what is written now would be lost",
                next_step="It is opened anew at the next round.",
            )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
