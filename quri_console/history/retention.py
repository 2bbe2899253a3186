"""How long samples, hours, days and events are kept.

What is deleted leaves pages that SQLite fills again: the file stays as large as its fullest week was.
"""

from __future__ import annotations

from dataclasses import dataclass

import aiosqlite

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.history.access import Access
from quri_console.history.bucket_rows import DAY, HOUR, fetch, read_progress, set_progress
from quri_console.units import DAY_SECONDS

BATCH_ROWS = 2000
"""How many rows one transaction deletes at most (but whole hours), so that no other writer waits long."""


@dataclass(frozen=True, slots=True)
class Periods:
    """For how many seconds each grain is kept; events as long as days."""

    samples: int = 14 * DAY_SECONDS
    hours: int = 90 * DAY_SECONDS
    days: int = 5 * 365 * DAY_SECONDS
    payers: int = 90 * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows were deleted."""

    samples: int = 0
    hours: int = 0
    days: int = 0
    events: int = 0
    payers: int = 0


# what newest_samples, newest_readings, newest_answers and the series find is kept, however old
_NEWEST = (
    "origin <> 'imported'",
    "cycles IS NOT NULL AND origin <> 'imported'",
    "origin NOT IN ('', 'imported')",
    "cycles IS NOT NULL",
)
_PAYERS = """
DELETE FROM payers WHERE (network, payer, at_ns) IN (
    SELECT p.network, p.payer, p.at_ns FROM payers p WHERE p.network = ?1 AND p.at_ns < ?2
    AND EXISTS (SELECT 1 FROM payers n WHERE n.network = p.network AND n.payer = p.payer AND n.at_ns > p.at_ns
        AND n.cycles IS NOT NULL) LIMIT ?3)
"""


class Retention:
    """Deletes what has been kept long enough."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def prune(self, network: str, now_ns: int, periods: Periods | None = None) -> Pruned:
        """Delete what is older than its period: samples only of hours that are rolled up, hours only of such days.

        The newest sample of each kind stays. May be stopped anywhere and called again by any process.
        """
        periods = periods or Periods()
        samples = hours = days = events = 0
        days_before = now_ns - periods.days * NANOSECONDS_PER_SECOND
        for (canister,) in await self._access.rows("SELECT id FROM canisters WHERE network = ?", (network,)):
            samples += await self._samples(canister, now_ns - periods.samples * NANOSECONDS_PER_SECOND)
            async with self._access.transaction() as connection:
                hours += await _hours(connection, canister, now_ns - periods.hours * NANOSECONDS_PER_SECOND)
                days += await _delete_buckets(connection, canister, DAY.seconds, DAY.start(days_before))
                cursor = await connection.execute(
                    "DELETE FROM events WHERE canister = ? AND at_ns < ?", (canister, days_before)
                )
                events += cursor.rowcount
        payers = await self._payers(network, now_ns - periods.payers * NANOSECONDS_PER_SECOND)
        return Pruned(samples, hours, days, events, payers)

    async def _samples(self, canister: int, before_ns: int) -> int:
        deleted, more = 0, True
        while more:
            async with self._access.transaction() as connection:
                count, more = await _samples(connection, canister, before_ns)
            deleted += count
        return deleted

    async def _payers(self, network: str, before_ns: int) -> int:
        deleted, count = 0, BATCH_ROWS
        while count == BATCH_ROWS:
            async with self._access.transaction() as connection:
                count = (await connection.execute(_PAYERS, (network, before_ns, BATCH_ROWS))).rowcount
            deleted += count
        return deleted


async def _samples(connection: aiosqlite.Connection, canister: int, before_ns: int) -> tuple[int, bool]:
    progress = await read_progress(connection, canister)
    before_ns = HOUR.start(min(before_ns, progress.hours_until_ns, await _first_late(connection, canister, before_ns)))
    kept = await _newest_times(connection, canister)
    spare = f"AND at_ns NOT IN ({', '.join('?' * len(kept))})"
    oldest = f"SELECT at_ns FROM samples WHERE canister = ? AND at_ns < ? {spare} ORDER BY at_ns LIMIT 1 OFFSET "  # noqa: S608
    first = await fetch(connection, f"{oldest} 0", (canister, before_ns, *kept))
    if not first:
        return 0, False
    beyond = await fetch(connection, f"{oldest} {BATCH_ROWS}", (canister, before_ns, *kept))
    end_ns = before_ns
    if beyond:
        end_ns = max(HOUR.start(beyond[0][0]), HOUR.start(first[0][0]) + HOUR.ns)
    cursor = await connection.execute(
        f"DELETE FROM samples WHERE canister = ? AND at_ns < ? {spare}",  # noqa: S608
        (canister, end_ns, *kept),
    )
    if end_ns > progress.samples_from_ns:
        await set_progress(connection, canister, "samples_from_ns", end_ns)
    return cursor.rowcount, end_ns < before_ns


async def _hours(connection: aiosqlite.Connection, canister: int, before_ns: int) -> int:
    progress = await read_progress(connection, canister)
    late_ns = await _first_late(connection, canister, before_ns)
    before_ns = DAY.start(min(before_ns, progress.days_until_ns, progress.samples_from_ns, late_ns))
    deleted = await _delete_buckets(connection, canister, HOUR.seconds, before_ns)
    if deleted and before_ns > progress.hours_from_ns:
        await set_progress(connection, canister, "hours_from_ns", before_ns)
    return deleted


async def _delete_buckets(connection: aiosqlite.Connection, canister: int, seconds: int, before_ns: int) -> int:
    cursor = await connection.execute(
        "DELETE FROM rollups WHERE canister = ? AND bucket_seconds = ? AND start_ns < ?", (canister, seconds, before_ns)
    )
    return cursor.rowcount


async def _first_late(connection: aiosqlite.Connection, canister: int, otherwise_ns: int) -> int:
    """When the first bucket begins that has to be made again before its source may go."""
    found = await fetch(connection, "SELECT MIN(start_ns) FROM rollup_late WHERE canister = ?", (canister,))
    return found[0][0] if found[0][0] is not None else otherwise_ns


async def _newest_times(connection: aiosqlite.Connection, canister: int) -> list[int]:
    times: set[int] = set()
    for condition in _NEWEST:
        found = await fetch(
            connection,
            f"SELECT at_ns FROM samples WHERE canister = ? AND {condition} ORDER BY at_ns DESC LIMIT 1",  # noqa: S608
            (canister,),
        )
        times.update(row[0] for row in found)
    return sorted(times)
