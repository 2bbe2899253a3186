"""How buckets and the progress of rolling up are kept in the database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import aiosqlite

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.history.blocks import NOTHING, Block, Interval, interval, single
from quri_console.history.samples import exact, stored
from quri_console.units import DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Level:
    """One size of bucket: how far it is rolled up, from when on its source is kept, how much one step takes."""

    seconds: Literal[3600, 86400]
    until: str
    source_from: str
    window_ns: int

    @property
    def ns(self) -> int:
        """The length of a bucket."""
        return self.seconds * NANOSECONDS_PER_SECOND

    def start(self, at_ns: int) -> int:
        """The beginning of the bucket that holds this moment."""
        return at_ns - at_ns % self.ns


HOUR = Level(3600, "hours_until_ns", "samples_from_ns", 3 * DAY_SECONDS * NANOSECONDS_PER_SECOND)
DAY = Level(86400, "days_until_ns", "hours_from_ns", 366 * DAY_SECONDS * NANOSECONDS_PER_SECOND)


@dataclass(frozen=True, slots=True)
class Row:
    """A bucket as stored: the block of its samples, and the balance before it, whose interval it counts as well."""

    start_ns: int
    block: Block
    before_ns: int | None = None
    before_cycles: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one canister is rolled up, and from when on samples and hours are all there (whole hours and days)."""

    hours_until_ns: int = 0
    days_until_ns: int = 0
    samples_from_ns: int = 0
    hours_from_ns: int = 0


_ROW = (
    "start_ns, samples, first_ns, last_ns, first_cycles, last_cycles, min_cycles, max_cycles, burnt, burn_ns, "
    "top_ups, top_up_cycles, idle_burn_per_day, memory_bytes, before_ns, before_cycles"
)
SELECT_ROWS = f"SELECT {_ROW} FROM rollups WHERE canister = ? AND bucket_seconds = ? AND start_ns >= ? AND start_ns < ?"  # noqa: S608 - columns of our own
_WRITE = f"INSERT OR REPLACE INTO rollups (canister, bucket_seconds, {_ROW}) VALUES (?, ?{', ?' * 16})"  # noqa: S608
SELECT_BALANCES = (
    "SELECT at_ns, cycles, idle_burn_per_day, memory_bytes FROM samples "
    "WHERE canister = ? AND at_ns >= ? AND at_ns < ? AND cycles IS NOT NULL ORDER BY at_ns"
)


async def read_progress(connection: aiosqlite.Connection, canister: int) -> Progress:
    """How far that canister is rolled up."""
    rows = await fetch(
        connection,
        "SELECT hours_until_ns, days_until_ns, samples_from_ns, hours_from_ns FROM rollup_progress WHERE canister = ?",
        (canister,),
    )
    return Progress(*rows[0]) if rows else Progress()


async def set_progress(connection: aiosqlite.Connection, canister: int, column: str, value_ns: int) -> None:
    """Remember one column of the progress."""
    await connection.execute(
        f"INSERT INTO rollup_progress (canister, {column}) VALUES (?, ?) "  # noqa: S608 - a column of our own
        f"ON CONFLICT (canister) DO UPDATE SET {column} = excluded.{column}",
        (canister, value_ns),
    )


async def mark_late(connection: aiosqlite.Connection, buckets: Iterable[tuple[int, int, int]]) -> None:
    """Note buckets (canister, seconds, start) that have to be made again."""
    await connection.executemany("INSERT OR IGNORE INTO rollup_late VALUES (?, ?, ?)", list(buckets))


async def read_rows(
    connection: aiosqlite.Connection, canister: int, level: Level, from_ns: int, to_ns: int
) -> list[Row]:
    """The buckets that begin in [from_ns, to_ns), oldest first."""
    found = await fetch(connection, f"{SELECT_ROWS} ORDER BY start_ns", (canister, level.seconds, from_ns, to_ns))
    return [_from_row(row) for row in found]


async def write_rows(connection: aiosqlite.Connection, canister: int, level: Level, rows: Iterable[Row]) -> None:
    """Write buckets over those that begin at the same time."""
    await connection.executemany(_WRITE, [(canister, level.seconds, *_to_row(row)) for row in rows])


async def read_blocks(
    connection: aiosqlite.Connection, canister: int, level: Level, from_ns: int, to_ns: int
) -> list[Block]:
    """The source of a level in [from_ns, to_ns), oldest first: balances for hours, hours for days."""
    if level is HOUR:
        return [single(row) for row in await fetch(connection, SELECT_BALANCES, (canister, from_ns, to_ns))]
    return [row.block for row in await read_rows(connection, canister, HOUR, from_ns, to_ns)]


async def forget_source(
    connection: aiosqlite.Connection, canister: int, level: Level, from_ns: int, to_ns: int
) -> None:
    if level is HOUR:
        await connection.execute(
            "DELETE FROM samples WHERE canister = ? AND at_ns >= ? AND at_ns < ?", (canister, from_ns, to_ns)
        )
        return
    await connection.execute(
        "DELETE FROM rollups WHERE canister = ? AND bucket_seconds = ? AND start_ns >= ? AND start_ns < ?",
        (canister, HOUR.seconds, from_ns, to_ns),
    )


def _crossing(row: Row) -> Interval:
    if row.before_ns is None or row.before_cycles is None:
        return NOTHING
    return interval(row.before_ns, row.before_cycles, row.block.first_ns, row.block.first_cycles)


def _to_row(row: Row) -> tuple[Any, ...]:
    block, before = row.block, _crossing(row)
    return (
        row.start_ns,
        block.samples,
        block.first_ns,
        block.last_ns,
        stored(block.first_cycles),
        stored(block.last_cycles),
        stored(block.min_cycles),
        stored(block.max_cycles),
        stored(block.inner.burnt + before.burnt),
        block.inner.burn_ns + before.burn_ns,
        block.inner.top_ups + before.top_ups,
        stored(block.inner.top_up_cycles + before.top_up_cycles),
        stored(block.idle_burn_per_day),
        block.memory_bytes,
        row.before_ns,
        stored(row.before_cycles),
    )


def _from_row(values: Any) -> Row:
    start_ns, samples, first_ns, last_ns = values[:4]
    first, last, low, high, burnt = (int(amount) for amount in values[4:9])
    burn_ns, top_ups, top_up_cycles, idle, memory, before_ns, before = values[9:]
    before_cycles = exact(before)
    crossed = NOTHING
    if before_ns is not None and before_cycles is not None:
        crossed = interval(before_ns, before_cycles, first_ns, first)
    inner = Interval(
        burnt - crossed.burnt,
        burn_ns - crossed.burn_ns,
        top_ups - crossed.top_ups,
        int(top_up_cycles) - crossed.top_up_cycles,
    )
    block = Block(samples, first_ns, last_ns, first, last, low, high, inner, exact(idle), memory)
    return Row(start_ns, block, before_ns, before_cycles)


async def fetch(connection: aiosqlite.Connection, statement: str, parameters: tuple[Any, ...]) -> list[Any]:
    """All rows of a statement, within the transaction under way."""
    return list(await connection.execute_fetchall(statement, parameters))
