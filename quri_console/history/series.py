"""A canister's past out of samples, hours and days, each where it is the right grain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import aiosqlite

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.history.blocks import NOTHING, Block, crossing
from quri_console.history.bucket_rows import DAY, HOUR, Progress, fetch, read_blocks, read_progress, read_rows
from quri_console.units import DAY_SECONDS

RAW_NS = 14 * DAY_SECONDS * NANOSECONDS_PER_SECOND
HOURLY_NS = 90 * DAY_SECONDS * NANOSECONDS_PER_SECOND
_NEWEST_BALANCE = """
SELECT c.id, COALESCE(
    (SELECT s.at_ns FROM samples s WHERE s.canister = c.id AND s.cycles IS NOT NULL ORDER BY s.at_ns DESC LIMIT 1),
    (SELECT r.last_ns FROM rollups r WHERE r.canister = c.id AND r.bucket_seconds = 86400
     ORDER BY r.start_ns DESC LIMIT 1))
FROM canisters c WHERE c.network = ? AND c.canister_id = ?
"""


@dataclass(frozen=True, slots=True)
class BurnPiece:
    """A piece of a canister's past, from one sample to a later one (nanoseconds since 1970).

    `burnt` cycles went in `elapsed_ns`; intervals in which the balance rose count in neither, they are
    `top_ups`, and `top_up_cycles` is by how much it rose.
    """

    start_ns: int
    end_ns: int
    burnt: int
    elapsed_ns: int
    top_ups: int = 0
    top_up_cycles: int = 0


@dataclass(frozen=True, slots=True)
class ChartColumn:
    """The balances in one column of a chart; `last_ns` is the time of the last one."""

    index: int
    start_ns: int
    min_cycles: int
    max_cycles: int
    last_cycles: int
    last_ns: int
    top_ups: int


@dataclass(frozen=True, slots=True)
class _Grains:
    """Days before `hours_ns`, hours from there, samples from `samples_ns` on; both on whole days and hours."""

    hours_ns: int
    samples_ns: int


async def burn_pieces(
    connection: aiosqlite.Connection, network: str, canister_id: str, since_ns: int
) -> tuple[BurnPiece, ...]:
    """See History.burn_series; within a transaction."""
    found = await _find(connection, network, canister_id)
    if found is None:
        return ()
    canister, newest_ns, progress = found
    grains = _grains(progress, hours_ns=newest_ns - HOURLY_NS, samples_ns=newest_ns - RAW_NS)
    return tuple(_pieces(await _blocks(connection, canister, grains, since_ns)))


async def chart_columns(
    connection: aiosqlite.Connection, network: str, canister_id: str, since_ns: int, points: int
) -> tuple[ChartColumn, ...]:
    """See History.chart; within a transaction."""
    found = await _find(connection, network, canister_id)
    if found is None or points < 1 or since_ns > found[1]:
        return ()
    canister, newest_ns, progress = found
    width_ns = (newest_ns - since_ns) // points + 1
    # the coarsest buckets that are not wider than a column
    hours_ns = newest_ns + 1 if width_ns >= DAY.ns else since_ns
    samples_ns = newest_ns + 1 if width_ns >= HOUR.ns else since_ns
    grains = _grains(progress, hours_ns=hours_ns, samples_ns=samples_ns)
    blocks = await _blocks(connection, canister, grains, since_ns)
    return tuple(_columns(blocks, since_ns, width_ns))


async def _find(connection: aiosqlite.Connection, network: str, canister_id: str) -> tuple[int, int, Progress] | None:
    rows = await fetch(connection, _NEWEST_BALANCE, (network, canister_id))
    if not rows or rows[0][1] is None:
        return None
    return rows[0][0], rows[0][1], await read_progress(connection, rows[0][0])


def _grains(progress: Progress, *, hours_ns: int, samples_ns: int) -> _Grains:
    """The wished borders, moved to where there are samples, hours and days."""
    days_until_ns = max(progress.days_until_ns, progress.hours_from_ns)
    hours = min(max(DAY.start(hours_ns), progress.hours_from_ns), days_until_ns)
    samples = min(max(HOUR.start(samples_ns), progress.samples_from_ns), progress.hours_until_ns)
    return _Grains(DAY.start(min(hours, samples)), samples)


async def _blocks(connection: aiosqlite.Connection, canister: int, grains: _Grains, since_ns: int) -> list[Block]:
    days = await read_rows(connection, canister, DAY, since_ns, grains.hours_ns)
    hours = await read_rows(connection, canister, HOUR, max(since_ns, grains.hours_ns), grains.samples_ns)
    samples = await read_blocks(connection, canister, HOUR, max(since_ns, grains.samples_ns), (1 << 63) - 1)
    return [*(row.block for row in days), *(row.block for row in hours), *samples]


def _pieces(blocks: Sequence[Block]) -> Iterator[BurnPiece]:
    previous: Block | None = None
    for block in blocks:
        between = crossing(previous, block) if previous is not None else NOTHING
        start_ns = previous.last_ns if previous is not None else block.first_ns
        burnt, elapsed_ns, top_ups, top_up_cycles = (a + b for a, b in zip(between, block.inner, strict=True))
        if block.last_ns > start_ns:
            yield BurnPiece(start_ns, block.last_ns, burnt, elapsed_ns, top_ups, top_up_cycles)
        previous = block


def _columns(blocks: Sequence[Block], since_ns: int, width_ns: int) -> Iterator[ChartColumn]:
    previous: Block | None = None
    for index, group in groupby(blocks, lambda block: (block.last_ns - since_ns) // width_ns):
        own = list(group)
        top_ups = 0
        for block in own:
            top_ups += block.inner.top_ups + (crossing(previous, block).top_ups if previous is not None else 0)
            previous = block
        yield ChartColumn(
            index=index,
            start_ns=since_ns + index * width_ns,
            min_cycles=min(block.min_cycles for block in own),
            max_cycles=max(block.max_cycles for block in own),
            last_cycles=own[-1].last_cycles,
            last_ns=own[-1].last_ns,
            top_ups=top_ups,
        )
