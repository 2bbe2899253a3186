"""Unusual hours are found against their like, explained, and tied to what changed; usual ones are silent."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quri_console.monitor.anomaly import Anomaly, find_anomaly, hourly_rates
from quri_console.monitor.windows import DAY_NS, HOUR_NS, Segment

# 2025-06-17 was a Tuesday
TUESDAY = 20_256 * DAY_NS
NOW = TUESDAY + 15 * HOUR_NS - 1
UNIT = 10**12 // 24


@dataclass(frozen=True)
class Event:
    kind: str
    at_ns: int


def past(
    days: int, factor: Callable[[int], float] = lambda hour: 1.0, *, last: tuple[float, ...] = ()
) -> list[Segment]:
    """Hours up to 14 h of that Tuesday, with some noise; `last` are factors of the newest ones."""
    chance = random.Random(1)
    end = TUESDAY // HOUR_NS + 15
    hours = range(end - days * 24, end)
    bursts = dict(zip(hours[len(hours) - len(last) :], last, strict=True))
    return [
        Segment(
            hour * HOUR_NS - HOUR_NS // 60,
            hour * HOUR_NS + HOUR_NS * 59 // 60,
            round(UNIT * factor(hour) * chance.lognormvariate(0, 0.1) * bursts.get(hour, 1.0)),
            HOUR_NS,
        )
        for hour in hours
    ]


def found(segments: list[Segment], **more: object) -> Anomaly:
    anomaly = find_anomaly(segments, now_ns=NOW, **more)  # type: ignore[arg-type]
    assert anomaly is not None
    return anomaly


def weekend(hour: int) -> float:
    return 0.3 if (hour // 24 + 3) % 7 >= 5 else 1.0


@pytest.mark.parametrize("days", [8, 15, 30, 70])
def test_two_hours_of_three_times_the_burn_are_an_anomaly(days: int) -> None:
    anomaly = found(past(days, last=(3.0, 3.0)))
    assert anomaly.z > 4
    assert anomaly.season == ("hour of day" if days < 22 else "hour of week")
    assert anomaly.from_ns == TUESDAY + 13 * HOUR_NS
    assert anomaly.at_ns == TUESDAY + 14 * HOUR_NS


def test_one_hour_is_not_enough() -> None:
    assert find_anomaly(past(30, last=(3.0,)), now_ns=NOW) is None
    assert find_anomaly(past(30, last=(3.0, 1.0)), now_ns=NOW) is None


@pytest.mark.parametrize("days", [2, 8, 30])
def test_usual_hours_are_silent(days: int) -> None:
    assert find_anomaly(past(days), now_ns=NOW) is None


def test_less_than_a_week_has_nothing_to_compare_with() -> None:
    assert find_anomaly(past(6, last=(9.0, 9.0)), now_ns=NOW) is None
    assert find_anomaly([], now_ns=NOW) is None


def test_the_explanation_is_one_line_with_the_usual_burn_of_that_hour() -> None:
    segments = [replace(part, burnt=10**12 // 24) for part in past(50)]
    segments[-2:] = [replace(part, burnt=3 * 10**12 // 24) for part in segments[-2:]]
    assert found(segments).text == "burn 3 T/day, usual Tuesday 14 h UTC 905 B–1.11 T/day, z = 11.0"


def test_before_three_weeks_the_weekday_is_not_named() -> None:
    assert "usual 14 h UTC" in found(past(15, last=(3.0, 3.0))).text


def test_a_monday_after_quiet_weekends_is_no_anomaly_once_the_week_is_known() -> None:
    now_ns = NOW - DAY_NS
    for days in (30, 60):
        calm = [part for part in past(days, weekend) if part.end_ns <= now_ns]
        assert find_anomaly(calm, now_ns=now_ns) is None


def test_an_anomaly_on_a_quiet_day_is_found_by_the_hour_of_the_week() -> None:
    """Three times a Sunday's burn is less than any Monday's."""
    now_ns = NOW - 2 * DAY_NS
    calm = [part for part in past(40, weekend) if part.end_ns <= now_ns]
    burst = [*calm[:-3], *(replace(part, burnt=part.burnt * 3) for part in calm[-3:])]
    assert find_anomaly(burst, now_ns=now_ns) is not None


def test_a_canister_that_grew_is_compared_with_what_it_is_now() -> None:
    def grown(hour: int) -> float:
        return float(1.03 ** ((hour - TUESDAY // HOUR_NS) / 24))

    assert find_anomaly(past(60, grown), now_ns=NOW) is None
    assert find_anomaly(past(60, grown, last=(3.0, 3.0)), now_ns=NOW) is not None


def test_changes_of_the_hour_are_told_and_others_are_not() -> None:
    events = [
        Event("module-changed", TUESDAY + 12 * HOUR_NS + HOUR_NS // 2),
        Event("controllers-changed", TUESDAY),
        Event("topped-up", TUESDAY + 13 * HOUR_NS),
    ]
    anomaly = found(past(30, last=(3.0, 3.0)), events=events)
    assert anomaly.changes == (events[0],)
    assert anomaly.text.endswith("; module changed 12:30 UTC")


def test_what_is_over_or_was_not_seen_lately_is_none() -> None:
    assert find_anomaly(past(30, last=(3.0, 3.0)), now_ns=NOW + 4 * HOUR_NS) is None


def test_samples_hours_apart_have_no_hourly_burn() -> None:
    apart = [Segment(hour * HOUR_NS - 6 * HOUR_NS, hour * HOUR_NS, 6, 6 * HOUR_NS) for hour in range(0, 3000, 6)]
    assert hourly_rates(apart) == {}


def test_a_gap_is_not_an_hour() -> None:
    segments = past(30)
    gap = [*segments[:-40], Segment(segments[-40].start_ns, segments[-1].end_ns, 10**15, 40 * HOUR_NS)]
    assert find_anomaly(gap, now_ns=NOW) is None


def test_the_idle_burn_is_the_least_an_hour_can_have_burnt() -> None:
    segments = [replace(part, burnt=0) for part in past(30)]
    assert hourly_rates(segments) == {}
    assert set(hourly_rates(segments, 5).values()) == {5.0}


def test_an_hour_with_a_top_up_counts_by_what_was_seen_of_it() -> None:
    hour = 100 * HOUR_NS
    parts = [
        Segment(hour, hour + HOUR_NS // 2, 12, HOUR_NS // 2),
        Segment(hour + HOUR_NS // 2, hour + HOUR_NS * 3 // 4, 0, 0, 10**15),
    ]
    assert hourly_rates(parts) == {100: 576.0}


@given(
    st.lists(
        st.tuples(st.integers(0, 30 * 24), st.integers(1, 2 * HOUR_NS), st.integers(0, 10**30)),
        min_size=1,
        max_size=60,
    ),
    st.none() | st.integers(0, 10**12),
    st.randoms(use_true_random=False),
)
@settings(max_examples=50, deadline=None)
def test_order_means_nothing_and_every_number_is_one(
    parts: list[tuple[int, int, int]], idle: int | None, chance: random.Random
) -> None:
    odd = [Segment(NOW - h * HOUR_NS - long, NOW - h * HOUR_NS, burnt, long) for h, long, burnt in parts]
    segments = [*past(30), *odd]
    anomaly = find_anomaly(segments, now_ns=NOW, idle_burn_per_day=idle)
    chance.shuffle(segments)
    assert find_anomaly(segments, now_ns=NOW, idle_burn_per_day=idle) == anomaly
    if anomaly is not None:
        numbers = (anomaly.burn_per_day, anomaly.usual_low, anomaly.usual_high, anomaly.z)
        assert all(0 < number < float("inf") for number in numbers)


@given(st.integers(2, 10**9))
@settings(max_examples=20, deadline=None)
def test_the_unit_of_cycles_means_nothing(factor: int) -> None:
    segments = past(30, last=(3.0, 3.0))
    one, other = found(segments), found([replace(part, burnt=part.burnt * factor) for part in segments])
    assert other.z == pytest.approx(one.z)
    assert other.burn_per_day == pytest.approx(one.burn_per_day * factor)
