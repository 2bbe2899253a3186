"""Adding up changes no estimate: buckets say what the samples said, in whatever order these came."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quri_console.history import History, Sample
from quri_console.history.retention import Periods
from quri_console.history.rollups import Bucket

RUNE, REGISTRY = "pkrpq-5qaaa-aaaah-aroda-cai", "pnqje-qiaaa-aaaah-arodq-cai"
SECOND = 1_000_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
START = 1_750_032_000 * SECOND - 1_750_032_000 * SECOND % DAY

# minutes since the start and balances, some beyond SQLite's integers
series = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=6 * 24 * 60),
        st.one_of(st.integers(min_value=0, max_value=50), st.integers(min_value=0, max_value=1 << 70)),
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda point: point[0],
)


def sample(minute: int, cycles: int | None, canister_id: str = RUNE) -> Sample:
    return Sample(canister_id, START + minute * MINUTE, origin="query", cycles=cycles, memory_bytes=minute)


def sums(points: Sequence[tuple[int, int]]) -> tuple[int, int, int, int]:
    """Burnt, its time, top-ups and how much they raised the balance, straight from samples."""
    burnt = burn_ns = top_ups = raised = 0
    for (from_ns, before), (to_ns, after) in pairwise(sorted(points)):
        if after > before:
            top_ups, raised = top_ups + 1, raised + after - before
        else:
            burnt, burn_ns = burnt + before - after, burn_ns + to_ns - from_ns
    return burnt, burn_ns, top_ups, raised


def added_up(buckets: Sequence[Bucket]) -> tuple[int, int, int, int]:
    return (
        sum(bucket.burnt for bucket in buckets),
        sum(bucket.burn_ns for bucket in buckets),
        sum(bucket.top_ups for bucket in buckets),
        sum(bucket.top_up_cycles for bucket in buckets),
    )


async def all_buckets(history: History) -> tuple[tuple[Bucket, ...], tuple[Bucket, ...]]:
    hours = await history.rollups.buckets("ic", RUNE, 3600)
    return hours, await history.rollups.buckets("ic", RUNE, 86_400)


@given(series, st.randoms(use_true_random=False), st.lists(st.integers(0, 7), max_size=4))
@settings(max_examples=40)
async def test_sums_over_buckets_are_sums_over_samples_whatever_order_they_came_in(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[int, int]], chance: object, days: list[int]
) -> None:
    in_order = [sample(minute, cycles) for minute, cycles in sorted(points)]
    expected = sums([(one.at_ns, one.cycles or 0) for one in in_order])
    shuffled = list(in_order)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    folder = tmp_path_factory.mktemp("history")
    async with await History.open(folder / "a.sqlite") as history, await History.open(folder / "b.sqlite") as straight:
        for number, one in enumerate(shuffled):
            await history.add_samples("ic", [one])
            if number < len(days):
                await history.rollups.update("ic", START + days[number] * DAY)
        await history.rollups.update("ic", START + 8 * DAY)
        await straight.add_samples("ic", in_order)
        await straight.rollups.update("ic", START + 8 * DAY)
        hours, whole_days = await all_buckets(history)
        assert added_up(hours) == expected
        assert added_up(whole_days) == expected
        assert (hours, whole_days) == await all_buckets(straight)
        assert await history.rollups.update("ic", START + 8 * DAY) == 0


@given(series, st.lists(st.integers(0, 6), max_size=3, unique=True))
@settings(max_examples=30)
async def test_deleting_what_is_rolled_up_changes_no_sum_and_leaves_no_gap(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[int, int]], pauses: list[int]
) -> None:
    in_order = [sample(minute, cycles) for minute, cycles in sorted(points)]
    expected = sums([(one.at_ns, one.cycles or 0) for one in in_order])
    periods = Periods(samples=86_400 // 2, hours=2 * 86_400)
    async with await History.open(tmp_path_factory.mktemp("history") / "h.sqlite") as history:
        written = 0
        for day in [*sorted(pauses), 7]:
            now_ns = START + day * DAY
            due = [one for one in in_order[written:] if one.at_ns < now_ns]
            await history.add_samples("ic", due)
            written += len(due)
            await history.rollups.update("ic", now_ns)
            await history.retention.prune("ic", now_ns, periods)
        pieces = await history.burn_series("ic", RUNE)
        assert await history.newest_samples("ic") == {RUNE: in_order[-1]}
        whole_days = await history.rollups.buckets("ic", RUNE, 86_400)
    told = (
        sum(piece.burnt for piece in pieces),
        sum(piece.elapsed_ns for piece in pieces),
        sum(piece.top_ups for piece in pieces),
        sum(piece.top_up_cycles for piece in pieces),
    )
    assert told == expected == added_up(whole_days)
    assert all(one.end_ns == other.start_ns for one, other in pairwise(pieces))


async def test_a_bucket_tells_its_extremes_and_the_newest_of_the_rest(tmp_path: Path) -> None:
    async with await History.open(tmp_path / "h.sqlite") as history:
        seen = [sample(10, 100), sample(20, 70), sample(30, 90), sample(40, 85), sample(70, 80), sample(50, None)]
        await history.add_samples("ic", seen)
        await history.rollups.update("ic", START + 2 * HOUR)
        first, second = await history.rollups.buckets("ic", None, 3600)
    assert first == Bucket(
        canister_id=RUNE,
        bucket_seconds=3600,
        start_ns=START,
        samples=4,
        first_ns=START + 10 * MINUTE,
        last_ns=START + 40 * MINUTE,
        first_cycles=100,
        last_cycles=85,
        min_cycles=70,
        max_cycles=100,
        burnt=35,
        burn_ns=20 * MINUTE,
        top_ups=1,
        top_up_cycles=20,
        idle_burn_per_day=None,
        memory_bytes=40,
    )
    assert (second.burnt, second.burn_ns) == (5, 30 * MINUTE)


async def test_an_hour_that_is_not_over_is_not_rolled_up(tmp_path: Path) -> None:
    async with await History.open(tmp_path / "h.sqlite") as history:
        await history.add_samples("ic", [sample(10, 100), sample(70, 90)])
        await history.rollups.update("ic", START + HOUR + 30 * MINUTE)
        hours, days = await all_buckets(history)
        assert [bucket.start_ns for bucket in hours] == [START]
        assert days == ()


async def test_a_late_sample_is_taken_in_where_its_hour_is_gone_already(tmp_path: Path) -> None:
    """Only one that falls between samples of a stored bucket cannot be: the burn around it is the same without it."""
    periods = Periods(samples=86_400, hours=2 * 86_400)
    async with await History.open(tmp_path / "h.sqlite") as history:
        kept = [sample(60, 1000), sample(65, 990), sample(300, 900), sample(6 * 24 * 60, 100)]
        await history.add_samples("ic", kept)
        await history.rollups.update("ic", START + 7 * DAY)
        await history.retention.prune("ic", START + 7 * DAY, periods)
        late = [sample(30, 1010), sample(62, 995), sample(400, 950), sample(5 * 24 * 60, 120)]
        await history.add_samples("ic", late)
        await history.rollups.update("ic", START + 7 * DAY)
        await history.retention.prune("ic", START + 7 * DAY, periods)
        days = await history.rollups.buckets("ic", RUNE, 86_400)
        # between 300 and 400 minutes the balance rose, which only the late sample tells
        everything = [(one.at_ns, one.cycles or 0) for one in (*kept, *late) if one is not late[1]]
        assert added_up(days) == sums(everything)
        again = await history.add_missing_samples("ic", [*kept, *late])
        assert again == 0


async def test_an_update_that_was_interrupted_goes_on_where_it_was(tmp_path: Path) -> None:
    points = [(minute, 10_000 - minute) for minute in range(0, 6 * 24 * 60, 30)]
    path = tmp_path / "h.sqlite"
    async with await History.open(path) as history:
        await history.add_samples("ic", [sample(*point) for point in points])
        for steps in range(0, 60, 3):
            task = asyncio.create_task(history.rollups.update("ic", START + 7 * DAY))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    async with await History.open(path) as history:
        await history.rollups.update("ic", START + 7 * DAY)
        hours, days = await all_buckets(history)
    assert added_up(hours) == added_up(days) == sums([(START + minute * MINUTE, cycles) for minute, cycles in points])


async def test_buckets_are_of_one_network_and_in_the_order_of_time(tmp_path: Path) -> None:
    async with await History.open(tmp_path / "h.sqlite") as history:
        await history.add_samples("ic", [sample(200, 1), sample(10, 2), sample(10, 3, REGISTRY)])
        await history.add_samples("local", [sample(10, 4)])
        for network in ("ic", "local"):
            await history.rollups.update(network, START + DAY)
        found = await history.rollups.buckets("ic", None, 3600, START, START + HOUR)
        assert {bucket.canister_id: bucket.last_cycles for bucket in found} == {RUNE: 2, REGISTRY: 3}
        own = await history.rollups.buckets("ic", RUNE, 3600)
        assert [bucket.start_ns for bucket in own] == [START, START + 3 * HOUR]
