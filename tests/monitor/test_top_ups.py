"""Top-ups are found with their time and about their size."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from quri_console.monitor.top_ups import TopUp, find_top_ups
from quri_console.monitor.windows import HOUR_NS, segments_of_buckets, segments_of_series
from tests.benchmarks.burn_estimators import live, roll_up


def hourly(balances: list[int]) -> list[tuple[int, int]]:
    return [(index * HOUR_NS, cycles) for index, cycles in enumerate(balances)]


def test_its_size_is_the_rise_and_what_was_burnt_meanwhile() -> None:
    series = hourly([1000, 990, 980, 5000, 4990])
    assert find_top_ups(segments_of_series(series)) == (TopUp(3 * HOUR_NS, 2 * HOUR_NS, 4030),)


def test_the_burn_around_it_counts_and_not_that_of_last_month() -> None:
    busy = [10**6 - 1000 * hour for hour in range(100)]
    quiet = [busy[-1] - 10 * hour for hour in range(1, 100)]
    topped = [cycles + 50_000 for cycles in quiet[60:]]
    (found,) = find_top_ups(segments_of_series(hourly([*busy, *quiet[:60], *topped])))
    assert found.cycles == 50_000


def test_without_any_observed_burn_the_idle_burn_is_assumed() -> None:
    segments = segments_of_series(hourly([100, 200]))
    assert find_top_ups(segments)[0].cycles == 100
    assert find_top_ups(segments, idle_burn_per_day=240)[0].cycles == 110


def test_a_rise_of_what_is_burnt_in_minutes_is_the_answer_of_a_node_that_lags() -> None:
    segments = segments_of_series(hourly([10**6, 10**6 + 12]))
    assert find_top_ups(segments, idle_burn_per_day=10**6) == ()


def test_a_balance_that_only_falls_has_none() -> None:
    assert find_top_ups(segments_of_series(hourly([5, 4, 4, 1]))) == ()
    assert find_top_ups([]) == ()


def test_two_in_a_row_are_two_and_in_the_order_of_time() -> None:
    found = find_top_ups(reversed(segments_of_series(hourly([100, 200, 300, 290]))))
    assert [top_up.at_ns for top_up in found] == [HOUR_NS, 2 * HOUR_NS]


def test_on_rollups_there_are_as_many_cycles() -> None:
    series = live("steady", 2, samples_per_hour=1).series
    raw = find_top_ups(segments_of_series(series))
    rolled = find_top_ups(segments_of_buckets(roll_up(series)))
    assert len(raw) > 1
    assert [top_up.at_ns for top_up in raw] == [top_up.at_ns for top_up in rolled]
    for one, other in zip(raw, rolled, strict=True):
        assert abs(one.cycles - other.cycles) <= one.cycles / 100


@given(st.lists(st.integers(0, 10**30), min_size=2, max_size=30), st.integers(2, 1000))
def test_sizes_scale_with_the_cycles_and_are_never_below_the_rise(balances: list[int], factor: int) -> None:
    found = find_top_ups(segments_of_series(hourly(balances)))
    scaled = find_top_ups(segments_of_series(hourly([cycles * factor for cycles in balances])))
    assert len(found) == sum(after > before for before, after in pairwise(balances))
    for one, other in zip(found, scaled, strict=True):
        rise = balances[one.at_ns // HOUR_NS] - balances[one.from_ns // HOUR_NS]
        assert one.cycles >= rise > 0
        assert abs(other.cycles - one.cycles * factor) <= factor + one.cycles * factor / 10**9
