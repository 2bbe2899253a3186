"""What is kept, for how long, and what charts and estimators are given of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import aiosqlite
import pytest

from quri_console.history import History, Sample
from quri_console.history.access import Access
from quri_console.history.retention import BATCH_ROWS, Periods, Pruned, Retention

RUNE = "pkrpq-5qaaa-aaaah-aroda-cai"
SECOND = 1_000_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
START = 1_750_032_000 * SECOND


def quarter_hours(days: int, *, since: int = 0) -> list[Sample]:
    """One sample each 15 minutes, one cycle each minute, topped up by 10,000 every tenth day."""
    return [
        Sample(RUNE, START + minute * MINUTE, origin="query", cycles=10**6 - minute + minute // 14_400 * 10_000)
        for minute in range(since * 1440, days * 1440, 15)
    ]


async def kept_up(path: Path, days: int) -> History:
    """A history that was rolled up and pruned every ten days."""
    history = await History.open(path)
    for day in range(0, days, 10):
        await history.add_samples("ic", quarter_hours(min(day + 10, days), since=day))
        now_ns = START + min(day + 10, days) * DAY
        await history.rollups.update("ic", now_ns)
        await history.retention.prune("ic", now_ns)
    return history


async def test_samples_hours_and_days_are_kept_for_their_periods(tmp_path: Path) -> None:
    async with await kept_up(tmp_path / "h.sqlite", 200) as history:
        samples = await history.samples("ic", RUNE)
        hours = await history.rollups.buckets("ic", RUNE, 3600)
        days = await history.rollups.buckets("ic", RUNE, 86_400)
        assert samples[0].at_ns == START + (200 - 14) * DAY
        assert hours[0].start_ns == START + (200 - 90) * DAY
        assert (days[0].start_ns, len(days)) == (START, 200)
        assert await history.retention.prune("ic", START + 200 * DAY) == Pruned()
        much_later = START + (200 + 5 * 365) * DAY
        await history.rollups.update("ic", much_later)
        pruned = await history.retention.prune("ic", much_later)
        assert (pruned.hours, pruned.days, pruned.events) == (90 * 24, 200, 19)
        # the newest sample stays, so that a fleet that nobody watched for years is still known
        assert await history.samples("ic", RUNE) == (quarter_hours(200)[-1],)


async def test_what_is_not_rolled_up_is_not_deleted(tmp_path: Path) -> None:
    async with await History.open(tmp_path / "h.sqlite") as history:
        await history.add_samples("ic", quarter_hours(3))
        assert await history.retention.prune("ic", START + 400 * DAY) == Pruned()
        await history.rollups.update("ic", START + 2 * DAY)
        assert await history.retention.prune("ic", START + 400 * DAY) == Pruned(samples=2 * 96, hours=48)
        await history.add_samples("ic", [Sample(RUNE, START + DAY + 7 * MINUTE, origin="query", cycles=1)])
        # one that came late waits for the next update
        assert await history.retention.prune("ic", START + 400 * DAY) == Pruned()


async def test_failed_attempts_of_a_canister_that_never_answered_go_as_well(tmp_path: Path) -> None:
    async with await History.open(tmp_path / "h.sqlite") as history:
        failures = [Sample(RUNE, START + n * HOUR, error_kind="unreachable", error="no") for n in range(100)]
        await history.add_samples("ic", failures)
        await history.rollups.update("ic", START + 50 * DAY)
        assert (await history.retention.prune("ic", START + 50 * DAY)).samples == 99
        assert await history.newest_samples("ic") == {RUNE: failures[-1]}


async def test_other_writers_get_their_turn_between_batches(tmp_path: Path) -> None:
    async with await History.open(tmp_path / "h.sqlite") as history:
        count = 5 * BATCH_ROWS
        times = [START + n * 20 * SECOND for n in range(count)]
        await history.add_samples("ic", [Sample(RUNE, at_ns, origin="query", cycles=1) for at_ns in times])
        await history.rollups.update("ic", START + 40 * DAY)
        access = history.retention._access
        left: list[int] = []

        @asynccontextmanager
        async def counted() -> AsyncIterator[aiosqlite.Connection]:
            async with access.transaction() as connection:
                yield connection
            left.append((await access.rows("SELECT COUNT(*) FROM samples", ()))[0][0])

        pruned = await Retention(Access(counted, access.rows)).prune("ic", START + 40 * DAY)
    assert pruned.samples == count - 1
    assert all(before - after <= BATCH_ROWS for before, after in pairwise([count, *left]))
    assert len(left) > count / BATCH_ROWS


@pytest.mark.parametrize("since_days", [0, 40, 130, 195])
async def test_the_burn_series_has_samples_hours_and_days_without_gap_or_overlap(
    tmp_path: Path, since_days: int
) -> None:
    async with await kept_up(tmp_path / "h.sqlite", 200) as history:
        pieces = await history.burn_series("ic", RUNE, START + since_days * DAY)
    # all that begins within; the first sample of a bucket is what it begins with
    samples = quarter_hours(200, since=since_days)
    assert (pieces[0].start_ns, pieces[-1].end_ns) == (samples[0].at_ns, samples[-1].at_ns)
    assert all(one.end_ns == other.start_ns for one, other in pairwise(pieces))
    rises = [(b.cycles or 0) - (a.cycles or 0) for a, b in pairwise(samples)]
    assert sum(piece.burnt for piece in pieces) == -sum(rise for rise in rises if rise < 0)
    assert sum(piece.elapsed_ns for piece in pieces) == 15 * MINUTE * sum(rise <= 0 for rise in rises)
    assert sum(piece.top_ups for piece in pieces) == sum(rise > 0 for rise in rises)
    assert sum(piece.top_up_cycles for piece in pieces) == sum(rise for rise in rises if rise > 0)
    newest = samples[-1].at_ns
    for piece in pieces[1:]:
        age, length = newest - piece.end_ns, piece.end_ns - piece.start_ns
        grain = (
            15 * MINUTE if age < 13 * DAY else HOUR if 15 * DAY < age < 88 * DAY else DAY if age > 92 * DAY else length
        )
        assert length == grain


async def test_the_burn_series_of_a_young_history_is_its_samples(tmp_path: Path) -> None:
    async with await History.open(tmp_path / "h.sqlite") as history:
        assert await history.burn_series("ic", RUNE) == ()
        await history.add_samples("ic", quarter_hours(1))
        assert len(await history.burn_series("ic", RUNE)) == 95
        await history.rollups.update("ic", START + DAY)
        assert len(await history.burn_series("ic", RUNE)) == 95


@pytest.mark.parametrize(("since_days", "points"), [(0, 100), (0, 1000), (100, 60), (190, 80), (199, 200), (150, 1)])
async def test_a_chart_shows_the_extremes_of_each_column(tmp_path: Path, since_days: int, points: int) -> None:
    since_ns = START + since_days * DAY
    async with await kept_up(tmp_path / "h.sqlite", 200) as history:
        columns = await history.chart("ic", RUNE, since_ns, points)
    samples = quarter_hours(200, since=since_days)
    balances = [one.cycles or 0 for one in samples]
    assert len(columns) <= points
    assert [column.index for column in columns] == sorted({column.index for column in columns})
    assert (columns[-1].last_ns, columns[-1].last_cycles) == (samples[-1].at_ns, balances[-1])
    assert min(column.min_cycles for column in columns) == min(balances)
    assert max(column.max_cycles for column in columns) == max(balances)
    assert sum(column.top_ups for column in columns) == sum(b > a for a, b in pairwise(balances))
    assert all(column.min_cycles <= column.last_cycles <= column.max_cycles for column in columns)
    width_ns = (samples[-1].at_ns - since_ns) // points + 1
    assert all(column.start_ns == since_ns + column.index * width_ns for column in columns)
    assert all(column.start_ns <= column.last_ns < column.start_ns + width_ns for column in columns)


async def test_a_chart_of_nothing_is_empty(tmp_path: Path) -> None:
    async with await History.open(tmp_path / "h.sqlite") as history:
        assert await history.chart("ic", RUNE, 0, 100) == ()
        await history.add_samples("ic", [Sample(RUNE, START, origin="query", cycles=5)])
        assert await history.chart("ic", RUNE, START + 1, 100) == ()
        (column,) = await history.chart("ic", RUNE, START - DAY, 100)
        assert (column.index, column.last_cycles) == (99, 5)


async def test_periods_are_parameters(tmp_path: Path) -> None:
    async with await History.open(tmp_path / "h.sqlite") as history:
        await history.add_samples("ic", quarter_hours(10))
        await history.rollups.update("ic", START + 10 * DAY)
        pruned = await history.retention.prune("ic", START + 10 * DAY, Periods(86_400, 2 * 86_400, 3 * 86_400))
        assert (pruned.samples, pruned.hours, pruned.days) == (9 * 96, 8 * 24, 7)
