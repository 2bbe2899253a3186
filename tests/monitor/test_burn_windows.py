"""Samples and rollups are the same past: an estimate does not depend on which of them it is made from."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.monitor.anomaly import find_anomaly
from quri_console.monitor.burn import estimate_burn
from quri_console.monitor.forecast import Forecast, forecast_runway
from quri_console.monitor.windows import (
    DAY_NS,
    HOUR_NS,
    Segment,
    Timeline,
    segments_of_both,
    segments_of_buckets,
    segments_of_series,
)
from tests.benchmarks.burn_estimators import live, roll_up

START = 20_000 * DAY_NS


def _series(steps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    at_ns, cycles, series = START, 10**16, []
    for step_ns, burnt in steps:
        at_ns, cycles = at_ns + step_ns, cycles - burnt
        series.append((at_ns, cycles))
    return series


histories = st.lists(
    st.tuples(st.integers(1, 4 * HOUR_NS), st.integers(-(10**12), 10**13)), min_size=2, max_size=60
).map(_series)


def test_a_rise_is_a_top_up_and_counts_as_neither_burn_nor_time() -> None:
    assert segments_of_series([(0, 100), (10, 90), (20, 150), (30, 150)]) == (
        Segment(0, 10, 10, 10),
        Segment(10, 20, 0, 0, 60),
        Segment(20, 30, 0, 10),
    )


def test_two_balances_of_one_moment_are_no_burn() -> None:
    assert segments_of_series([(0, 100), (0, 50), (10, 40)]) == (Segment(0, 10, 60, 10),)


@given(histories, st.randoms(use_true_random=False))
def test_the_order_of_samples_means_nothing(series: list[tuple[int, int]], chance: random.Random) -> None:
    mixed = list(series)
    chance.shuffle(mixed)
    assert segments_of_series(mixed) == segments_of_series(series)


@given(histories, st.integers(0, 10 * HOUR_NS))
def test_burn_is_the_same_on_rollups(series: list[tuple[int, int]], later_ns: int) -> None:
    now_ns = series[-1][0] + later_ns
    raw, rolled = segments_of_series(series), segments_of_buckets(roll_up(series))
    assert estimate_burn(raw, now_ns=now_ns) == estimate_burn(rolled, now_ns=now_ns)
    assert Timeline(raw).between(START + DAY_NS) == Timeline(rolled).between(START + DAY_NS)


@given(histories, st.data())
def test_samples_continue_where_the_rollups_end(series: list[tuple[int, int]], data: st.DataObject) -> None:
    now_ns = series[-1][0]
    buckets = roll_up(series)
    kept = buckets[: data.draw(st.integers(0, len(buckets)))]
    newest_ns = kept[-1].last_ns if kept else 0
    # more samples than are needed change nothing
    since_ns = data.draw(st.sampled_from([newest_ns, newest_ns - HOUR_NS, 0]))
    joined = segments_of_both(kept, [point for point in series if point[0] >= since_ns])
    assert estimate_burn(joined, now_ns=now_ns) == estimate_burn(segments_of_series(series), now_ns=now_ns)
    assert sum(part.burnt for part in joined) == sum(part.burnt for part in segments_of_series(series))


@pytest.mark.parametrize("scenario", ["weekly", "step"])
def test_every_estimator_is_the_same_on_rollups(scenario: str) -> None:
    life = live(scenario, 5, days=30, samples_per_hour=2, burst_hours=6, day_noise=0.08)
    raw, rolled = segments_of_series(life.series), segments_of_buckets(roll_up(life.series))
    forecasts = [
        forecast_runway(past, now_ns=life.now_ns, cycles=10**14, freezing_limit=10**12) for past in (raw, rolled)
    ]
    assert isinstance(forecasts[0], Forecast)
    assert forecasts[0] == forecasts[1]
    anomalies = [find_anomaly(past, now_ns=life.now_ns) for past in (raw, rolled)]
    assert anomalies[0] is not None
    assert anomalies[0] == anomalies[1]
