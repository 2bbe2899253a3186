"""Burn and runway: no top-up, order of magnitude or balance may bend them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.monitor.burn import burn_per_day, observed_burn_per_day, runway_seconds

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
