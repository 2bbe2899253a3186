"""One step of rolling up: some buckets of one canister, within one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

import aiosqlite

from quri_console.history.blocks import Block, absorb, fold
from quri_console.history.bucket_rows import (
    DAY,
    HOUR,
    Level,
    Progress,
    Row,
    fetch,
    forget_source,
    mark_late,
    read_blocks,
    read_progress,
    read_rows,
    set_progress,
    write_rows,
)
from quri_console.history.samples import exact

LATE_AT_ONCE = 256


async def roll_next(connection: aiosqlite.Connection, canister: int, level: Level, target_ns: int) -> tuple[int, bool]:
    """Roll up a bounded number of buckets; how many were written, and whether there is more to do."""
    progress = await read_progress(connection, canister)
    late = await fetch(
        connection,
        "SELECT start_ns FROM rollup_late WHERE canister = ? AND bucket_seconds = ? ORDER BY start_ns LIMIT ?",
        (canister, level.seconds, LATE_AT_ONCE),
    )
    if late:
        starts = [row[0] for row in late]
        written = await _roll_late(connection, canister, level, progress, starts)
        await connection.executemany(
            "DELETE FROM rollup_late WHERE canister = ? AND bucket_seconds = ? AND start_ns = ?",
            [(canister, level.seconds, start) for start in starts],
        )
        return written, True
    # days are made of finished hours only
    target_ns = target_ns if level is HOUR else min(target_ns, DAY.start(progress.hours_until_ns))
    return await _roll_new(connection, canister, level, progress, target_ns)


async def _roll_new(
    connection: aiosqlite.Connection, canister: int, level: Level, progress: Progress, target_ns: int
) -> tuple[int, bool]:
    until_ns = getattr(progress, level.until)
    if until_ns >= target_ns:
        return 0, False
    first_ns = await _first_of_source(connection, canister, level, until_ns)
    if first_ns is None or level.start(first_ns) >= target_ns:
        await set_progress(connection, canister, level.until, target_ns)
        return 0, False
    from_ns = level.start(first_ns)
    to_ns = min(target_ns, DAY.start(from_ns) + level.window_ns)
    found = await _source(connection, canister, level, from_ns, to_ns)
    written = await _replace(connection, canister, level, progress, {start: fold(b) for start, b in found.items()})
    await set_progress(connection, canister, level.until, to_ns)
    return written, to_ns < target_ns


async def _roll_late(
    connection: aiosqlite.Connection, canister: int, level: Level, progress: Progress, starts: list[int]
) -> int:
    kept_from_ns = getattr(progress, level.source_from)
    changed: dict[int, Block | None] = {}
    for start_ns in starts:
        end_ns = start_ns + level.ns
        blocks = (await _source(connection, canister, level, start_ns, end_ns)).get(start_ns, [])
        if start_ns >= kept_from_ns:
            changed[start_ns] = fold(blocks) if blocks else None
            continue
        old = await read_rows(connection, canister, level, start_ns, end_ns)
        if blocks:
            changed[start_ns] = absorb(old[0].block, blocks) if old else fold(blocks)
            # taken in for good: a second time they would count twice
            await forget_source(connection, canister, level, start_ns, end_ns)
    return await _replace(connection, canister, level, progress, changed)


async def _replace(
    connection: aiosqlite.Connection,
    canister: int,
    level: Level,
    progress: Progress,
    changed: Mapping[int, Block | None],
) -> int:
    """Write buckets (None: there is none any more), and bring the one after each into step with it."""
    if not changed:
        return 0
    around = await _with_neighbours(connection, canister, level, min(changed), max(changed))
    rows = {row.start_ns: row for row in around}
    for start_ns, block in changed.items():
        old = rows.pop(start_ns, None)
        if block is not None:
            rows[start_ns] = Row(start_ns, block, *((old.before_ns, old.before_cycles) if old else ()))
    linked = _linked([rows[start] for start in sorted(rows)], _kept_from(level, progress))
    if linked and linked[0].before_ns is None and level is HOUR:
        linked[0] = await _after_the_days(connection, canister, linked[0], progress)
    before = {row.start_ns: row for row in around}
    new = [row for row in linked if before.get(row.start_ns) != row]
    gone = [start for start, block in changed.items() if block is None]
    await connection.executemany(
        "DELETE FROM rollups WHERE canister = ? AND bucket_seconds = ? AND start_ns = ?",
        [(canister, level.seconds, start) for start in gone],
    )
    await write_rows(connection, canister, level, new)
    if level is HOUR:
        days = {DAY.start(start) for start in (*gone, *(row.start_ns for row in new))}
        await mark_late(connection, [(canister, DAY.seconds, day) for day in days if day < progress.days_until_ns])
    return len(new)


def _kept_from(level: Level, progress: Progress) -> int:
    # hours before this are only on their way into a day: nothing follows them
    return progress.hours_from_ns if level is HOUR else 0


def _linked(rows: list[Row], kept_from_ns: int) -> list[Row]:
    """Every row with the balance before it; the first keeps what it knows, for what was before it may be gone."""
    linked: list[Row] = []
    previous: Row | None = None
    for row in rows:
        if row.start_ns < kept_from_ns:
            linked.append(Row(row.start_ns, row.block))
        elif previous is None:
            linked.append(row)
            previous = row
        else:
            linked.append(Row(row.start_ns, row.block, previous.block.last_ns, previous.block.last_cycles))
            previous = row
    return linked


async def _after_the_days(connection: aiosqlite.Connection, canister: int, row: Row, progress: Progress) -> Row:
    """The first hour there is, with the last balance of the days whose hours are gone."""
    if row.start_ns < progress.hours_from_ns:
        return row
    found = await fetch(
        connection,
        "SELECT last_ns, last_cycles FROM rollups WHERE canister = ? AND bucket_seconds = ? AND start_ns < ? "
        "ORDER BY start_ns DESC LIMIT 1",
        (canister, DAY.seconds, progress.hours_from_ns),
    )
    return Row(row.start_ns, row.block, found[0][0], exact(found[0][1])) if found else row


async def _with_neighbours(
    connection: aiosqlite.Connection, canister: int, level: Level, first_ns: int, last_ns: int
) -> list[Row]:
    key = (canister, level.seconds)
    before = await fetch(
        connection,
        "SELECT MAX(start_ns) FROM rollups WHERE canister = ? AND bucket_seconds = ? AND start_ns < ?",
        (*key, first_ns),
    )
    after = await fetch(
        connection,
        "SELECT MIN(start_ns) FROM rollups WHERE canister = ? AND bucket_seconds = ? AND start_ns > ?",
        (*key, last_ns),
    )
    low = before[0][0] if before[0][0] is not None else first_ns
    high = after[0][0] if after[0][0] is not None else last_ns
    return await read_rows(connection, canister, level, low, high + 1)


async def _source(
    connection: aiosqlite.Connection, canister: int, level: Level, from_ns: int, to_ns: int
) -> dict[int, list[Block]]:
    """What buckets are made of, by the bucket's start."""
    blocks = await read_blocks(connection, canister, level, from_ns, to_ns)
    return {start: list(group) for start, group in groupby(blocks, lambda block: level.start(block.first_ns))}


async def _first_of_source(connection: aiosqlite.Connection, canister: int, level: Level, from_ns: int) -> int | None:
    if level is HOUR:
        statement = (
            "SELECT at_ns FROM samples WHERE canister = ? AND at_ns >= ? AND cycles IS NOT NULL ORDER BY at_ns LIMIT 1"
        )
        found = await fetch(connection, statement, (canister, from_ns))
    else:
        statement = "SELECT MIN(start_ns) FROM rollups WHERE canister = ? AND bucket_seconds = ? AND start_ns >= ?"
        found = await fetch(connection, statement, (canister, HOUR.seconds, from_ns))
    return found[0][0] if found else None
