"""Burn and runway: no top-up, order of magnitude or balance may bend them."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.monitor.burn import (
    BurnEstimate,
    Runway,
    burn_per_day,
    effective_freezing_limit,
    estimate_burn,
    observed_burn_per_day,
    runway,
    runway_seconds,
)
from quri_console.monitor.windows import Segment, segments_of_series

SECOND = 1_000_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND


def test_a_steady_burn() -> None:
    series = [(hour * HOUR, 10**12 - hour * 10**9) for hour in range(24)]
    assert observed_burn_per_day(series) == 24 * 10**9


def test_a_top_up_and_its_time_are_left_out() -> None:
    series = [(0, 100), (HOUR, 90), (2 * HOUR, 10_000), (3 * HOUR, 9_990)]
    assert observed_burn_per_day(series) == 240


def test_too_little_time_says_nothing() -> None:
    assert observed_burn_per_day([]) is None
    assert observed_burn_per_day([(0, 5)]) is None
    assert observed_burn_per_day([(0, 500), (4 * MINUTE, 100)]) is None
    assert observed_burn_per_day([(0, 5), (DAY, 6)]) is None


def test_the_idle_burn_is_the_floor() -> None:
    series = [(0, 1000), (DAY, 900)]
    assert burn_per_day(series, 40) == 100
    assert burn_per_day(series, 4000) == 4000
    assert burn_per_day([], 7) == 7
    assert burn_per_day([], None) is None


@pytest.mark.parametrize(
    ("cycles", "limit", "burn", "seconds"),
    [
        (1000, 400, 100.0, 6 * 86_400),
        (400, 400, 100.0, 0),
        (1, 400, 100.0, 0),
        (1000, 400, 0.0, None),
        (None, 400, 1.0, None),
        (1000, None, 1.0, None),
        (1000, 400, None, None),
    ],
)
def test_runway(cycles: int | None, limit: int | None, burn: float | None, seconds: float | None) -> None:
    assert runway_seconds(cycles, limit, burn) == seconds


histories = st.lists(st.tuples(st.integers(1, 10 * DAY), st.integers(0, 10**38)), min_size=2, max_size=40).map(
    lambda steps: [(sum(step for step, _ in steps[: index + 1]), cycles) for index, (_, cycles) in enumerate(steps)]
)


@given(histories)
def test_it_is_never_negative_or_infinite(series: list[tuple[int, int]]) -> None:
    burn = observed_burn_per_day(series)
    assert burn is None or 0 <= burn < float("inf")


@given(histories, st.integers(2, 1000))
def test_it_scales_with_the_cycles(series: list[tuple[int, int]], factor: int) -> None:
    burn = observed_burn_per_day(series)
    scaled = observed_burn_per_day([(at, cycles * factor) for at, cycles in series])
    assert scaled == (None if burn is None else pytest.approx(burn * factor))


@given(histories, st.integers(0, 10**15))
def test_it_does_not_depend_on_when(series: list[tuple[int, int]], later: int) -> None:
    assert observed_burn_per_day([(at + later, cycles) for at, cycles in series]) == observed_burn_per_day(series)


@given(histories, st.data())
def test_the_size_of_a_top_up_does_not_matter(series: list[tuple[int, int]], data: st.DataObject) -> None:
    index = data.draw(st.integers(1, len(series) - 1))
    small, large = (
        observed_burn_per_day(
            [(at, cycles + (top_up if place >= index else 0)) for place, (at, cycles) in enumerate(series)]
        )
        for top_up in (10**39, 10**45)
    )
    assert small == large


@given(histories, st.integers(1, 10**30))
def test_more_burn_never_looks_like_less(series: list[tuple[int, int]], more: int) -> None:
    falling = sorted((cycles for _, cycles in series), reverse=True)
    steady = [(at, cycles) for (at, _), cycles in zip(series, falling, strict=True)]
    faster = [(at, cycles - more * place) for place, (at, cycles) in enumerate(steady)]
    slow, fast = observed_burn_per_day(steady), observed_burn_per_day(faster)
    assert (fast is None) == (slow is None)
    assert fast is None or slow is None or fast >= slow


# --- the estimate over windows ---

NOW = 20_000 * DAY


def hourly(*rates: float, until_ns: int = NOW) -> tuple[Segment, ...]:
    """An hour each at so many cycles a day, the last ending at `until_ns`."""
    begin = until_ns - len(rates) * HOUR
    return tuple(
        Segment(begin + index * HOUR, begin + (index + 1) * HOUR, round(rate / 24), HOUR)
        for index, rate in enumerate(rates)
    )


def estimate(past: Sequence[Segment], idle: int | None = None) -> BurnEstimate:
    burn = estimate_burn(past, now_ns=NOW, idle_burn_per_day=idle)
    assert burn is not None
    return burn


def test_a_new_canister_burns_its_idle_burn_and_says_so() -> None:
    burn = estimate([], 500)
    assert (burn.expected_per_day, burn.alert_per_day, burn.idle_only, burn.observed_seconds) == (500, 500, True, 0)
    assert estimate_burn([], now_ns=NOW) is None


def test_the_first_minutes_are_enough_for_an_estimate_that_leans_on_the_idle_burn() -> None:
    burn = estimate([Segment(NOW - 10 * MINUTE, NOW, 10, 10 * MINUTE)], 500)
    assert burn.alert_per_day == burn.expected_per_day == pytest.approx(500 + (1440 - 500) * 10 / 540)
    assert not burn.idle_only
    # without anything to lean on, what was seen is all there is
    assert estimate([Segment(NOW - 10 * MINUTE, NOW, 10, 10 * MINUTE)]).alert_per_day == 1440


def test_the_bill_of_the_first_backup_is_no_burn_that_wakes_anybody() -> None:
    idle = 171 * 10**6
    minutes = [Segment(NOW - (i + 1) * MINUTE, NOW - i * MINUTE, idle // 1440, MINUTE) for i in range(19)]
    minutes[9] = replace(minutes[9], burnt=2_130 * 10**6)
    burn = estimate(minutes, idle)
    left = runway_seconds(490 * 10**9, 15 * 10**9, burn.alert_per_day)
    assert left is not None
    assert left > 60 * 86_400


def test_a_burn_that_empties_a_canister_in_hours_is_seen_in_the_first_hour() -> None:
    burn = estimate([Segment(NOW - HOUR, NOW, 10**12, HOUR)], 10**9)
    left = runway_seconds(9 * 10**12, 0, burn.alert_per_day)
    assert left is not None
    assert left < 7 * 86_400


def test_after_nine_hours_the_estimate_leans_on_nothing() -> None:
    assert estimate(hourly(*[24_000] * 9), 500).alert_per_day == pytest.approx(24_000)


def test_the_alert_burn_sees_a_step_that_the_expected_burn_does_not() -> None:
    burn = estimate(hourly(*[24_000] * 24 * 11, *[72_000] * 24 * 3))
    assert burn.expected_per_day == pytest.approx(24_000 * 20 / 14, rel=0.01)
    assert burn.alert_per_day == 72_000


def test_the_alert_burn_remembers_a_busy_week_before_quiet_days() -> None:
    burn = estimate(hourly(*[48_000] * 24 * 10, *[2_400] * 24 * 4))
    assert burn.alert_per_day == burn.expected_per_day > 30_000


def test_what_is_older_than_two_weeks_does_not_count() -> None:
    old = hourly(*[10**9] * 24, until_ns=NOW - 15 * DAY)
    assert estimate((*old, *hourly(*[24_000] * 48))) == estimate(hourly(*[24_000] * 48))


def test_one_busy_hour_does_not_stand_for_a_window_that_was_not_seen() -> None:
    burn = estimate((*hourly(*[24_000] * 240, until_ns=NOW - 84 * HOUR), *hourly(240_000)))
    assert burn.windows[0].per_day is None
    assert burn.alert_per_day < 26_000


def test_no_window_is_below_the_idle_burn() -> None:
    burn = estimate(hourly(*[24_000] * 48), 100_000)
    assert (burn.expected_per_day, burn.alert_per_day, burn.idle_only) == (100_000, 100_000, False)


def test_the_runway_is_the_pessimistic_one() -> None:
    burn = estimate(hourly(*[24_000] * 24 * 11, *[72_000] * 24 * 3))
    assert runway(180_000, 108_000, burn) == Runway(86_400, 2.5 * 86_400)
    assert runway(36_000, 108_000, burn) == Runway(0, 0.5 * 86_400)
    assert runway(0, 0, burn) == Runway(0, 0)


def test_a_runway_without_end_or_facts_is_unknown() -> None:
    assert runway(10, 5, None) == Runway(None, None)
    assert runway(10, None, estimate(hourly(*[24] * 48))).to_freeze_seconds is None
    assert runway(10**38, 0, estimate(hourly(*[0] * 48))) == Runway(None, None)
    assert runway_seconds(10**38, 0, 1e-320) is None


def test_reserved_cycles_pay_before_the_balance_freezes() -> None:
    assert effective_freezing_limit(100, 30) == 70
    assert effective_freezing_limit(100, 300) == 0
    assert effective_freezing_limit(100, None) == 100


pasts = st.lists(
    st.tuples(st.integers(0, 30 * DAY), st.integers(1, 10 * DAY), st.integers(0, 10**30), st.booleans()), max_size=40
).map(
    lambda parts: [
        Segment(NOW - age - long, NOW - age, 0 if rose else burnt, 0 if rose else long, burnt if rose else 0)
        for age, long, burnt, rose in parts
    ]
)
idle_burns = st.none() | st.integers(0, 10**30)


@given(pasts, idle_burns)
def test_an_estimate_is_a_number_and_the_alert_burn_is_never_the_smaller(past: list[Segment], idle: int | None) -> None:
    burn = estimate_burn(past, now_ns=NOW, idle_burn_per_day=idle)
    if burn is not None:
        assert (idle or 0) <= burn.expected_per_day <= burn.alert_per_day < float("inf")
        last = runway(10**32, 10**20, burn)
        for seconds in (last.to_freeze_seconds, last.to_empty_seconds):
            assert seconds is None or 0 <= seconds < float("inf")


@given(pasts, idle_burns, st.randoms(use_true_random=False))
def test_the_order_of_segments_means_nothing(past: list[Segment], idle: int | None, chance: random.Random) -> None:
    mixed = list(past)
    chance.shuffle(mixed)
    first, second = (estimate_burn(some, now_ns=NOW, idle_burn_per_day=idle) for some in (past, mixed))
    assert first == second


@given(pasts, st.integers(-1000, 1000))
def test_the_estimate_moves_with_the_clock(past: list[Segment], hours: int) -> None:
    moved = [replace(part, start_ns=part.start_ns + hours * HOUR, end_ns=part.end_ns + hours * HOUR) for part in past]
    assert estimate_burn(moved, now_ns=NOW + hours * HOUR) == estimate_burn(past, now_ns=NOW)


@given(pasts, st.integers(2, 10**6))
def test_the_estimate_scales_with_the_cycles(past: list[Segment], factor: int) -> None:
    burn = estimate_burn(past, now_ns=NOW)
    scaled = estimate_burn([replace(part, burnt=part.burnt * factor) for part in past], now_ns=NOW)
    if burn is None or scaled is None:
        assert scaled is burn
    else:
        assert scaled.expected_per_day == pytest.approx(burn.expected_per_day * factor)
        assert scaled.alert_per_day == pytest.approx(burn.alert_per_day * factor)


@given(histories, st.integers(2, 1000))
def test_the_same_burn_in_more_time_is_a_slower_one(series: list[tuple[int, int]], factor: int) -> None:
    burn = observed_burn_per_day(series)
    slower = observed_burn_per_day([(at * factor, cycles) for at, cycles in series])
    assert burn is None or slower == pytest.approx(burn / factor)


@given(pasts, st.data())
def test_more_burn_in_one_segment_lowers_neither_estimate(past: list[Segment], data: st.DataObject) -> None:
    burning = [index for index, part in enumerate(past) if part.elapsed_ns]
    if not burning:
        return
    index = data.draw(st.sampled_from(burning))
    more = [replace(part, burnt=part.burnt + 10**29) if place == index else part for place, part in enumerate(past)]
    before, after = estimate_burn(past, now_ns=NOW), estimate_burn(more, now_ns=NOW)
    assert (before is None) == (after is None)
    if before is not None and after is not None:
        assert after.expected_per_day >= before.expected_per_day
        assert after.alert_per_day >= before.alert_per_day


@given(histories, st.data())
def test_a_top_up_changes_nothing_but_its_own_interval(series: list[tuple[int, int]], data: st.DataObject) -> None:
    index = data.draw(st.integers(1, len(series) - 1))
    topped = [(at, cycles + (10**39 if place >= index else 0)) for place, (at, cycles) in enumerate(series)]
    before, after = segments_of_series(series), segments_of_series(topped)
    assert before[: index - 1] == after[: index - 1]
    assert before[index:] == after[index:]
    assert (after[index - 1].burnt, after[index - 1].elapsed_ns) == (0, 0)
