"""The interval of the runway: shown only when it can be checked, and honest about how often it was right."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quri_console.monitor.burn import estimate_burn
from quri_console.monitor.forecast import Forecast, NoForecast, forecast_runway
from quri_console.monitor.windows import DAY_NS, HOUR_NS, Segment, segments_of_series
from tests.benchmarks.burn_estimators import BASE_PER_DAY, coverage, live

NOW = 20_000 * DAY_NS


def steady(days: int, per_hour: int = 1000) -> list[Segment]:
    begin = NOW - days * DAY_NS
    return [
        Segment(begin + index * HOUR_NS, begin + (index + 1) * HOUR_NS, per_hour, HOUR_NS) for index in range(days * 24)
    ]


def forecast(past: list[Segment], *, cycles: int = 10**6, idle: int | None = None, changed: bool = False) -> Forecast:
    found = forecast_runway(past, now_ns=NOW, cycles=cycles, freezing_limit=0, idle_burn_per_day=idle, changed=changed)
    assert isinstance(found, Forecast)
    return found


def reason(past: list[Segment], cycles: int | None = 10**6) -> str:
    found = forecast_runway(past, now_ns=NOW, cycles=cycles, freezing_limit=0)
    assert isinstance(found, NoForecast)
    return found.reason


def test_a_burn_that_never_varied_has_no_width() -> None:
    found = forecast(steady(30), cycles=240_000)
    assert found.low_seconds == found.high_seconds == 10 * 86_400
    assert found.inside == found.backtests == 30
    assert found.coverage_text == "of the last 30 forecasts 30 fell inside"
    assert not found.widened


def test_two_weeks_of_history_are_needed() -> None:
    assert reason(steady(13)) == "no interval yet: 13 of 14 days of history"
    assert reason([]) == "no interval yet: 0 of 14 days of history"
    assert isinstance(forecast_runway(steady(14), now_ns=NOW, cycles=1, freezing_limit=0), Forecast)


def test_eight_past_forecasts_are_needed() -> None:
    past = steady(20)
    assert reason([past[0], *past[-24 * 6 :]]) == "no interval yet: 0 of 8 past forecasts can be checked"


def test_without_a_balance_or_a_burn_there_is_none() -> None:
    assert "not known" in reason(steady(30), None)
    assert reason(steady(30, per_hour=0)).startswith("no interval")


def test_at_the_limit_nothing_is_left() -> None:
    found = forecast(steady(30), cycles=0)
    assert (found.low_seconds, found.high_seconds) == (0, 0)


def test_a_step_is_noticed_and_the_interval_spans_both_burns() -> None:
    past = [replace(part, burnt=3000) if part.end_ns > NOW - 2 * DAY_NS else part for part in steady(30)]
    found = forecast(past, cycles=720_000)
    assert found.widened
    assert found.low_seconds <= 10 * 86_400
    assert found.high_seconds is not None
    assert found.high_seconds >= 20 * 86_400


def test_a_change_that_somebody_else_noticed_widens_too() -> None:
    past = [replace(part, burnt=1000 + index % 36 * 10) for index, part in enumerate(steady(30))]
    assert forecast(past, changed=True).widened
    assert not forecast(past).widened


def test_the_idle_burn_is_the_floor() -> None:
    found = forecast(steady(30), cycles=480_000, idle=48_000)
    assert found.low_seconds == found.high_seconds == 10 * 86_400


def test_a_quiet_canister_may_last_without_end() -> None:
    past = [replace(part, burnt=0 if part.end_ns > NOW - 8 * DAY_NS else 1000) for part in steady(30)]
    assert forecast(past).high_seconds is None


@pytest.mark.parametrize("scenario", ["steady", "weekly"])
def test_on_simulated_canisters_about_as_many_hold_as_they_say(scenario: str) -> None:
    told = coverage(scenario, 40, 21)
    assert told.shown == 40
    # the facts sheet measured 65 to 72 % for back-tests like these
    assert told.inside / told.shown >= 0.65
    assert abs(told.inside / told.shown - told.claimed) < 0.2


def test_the_likely_runway_lies_inside() -> None:
    for seed in range(20):
        life = live("weekly", seed, days=30)
        past = segments_of_series(life.series)
        burn = estimate_burn(past, now_ns=life.now_ns)
        found = forecast_runway(past, now_ns=life.now_ns, cycles=30 * BASE_PER_DAY, freezing_limit=0)
        assert burn is not None
        assert isinstance(found, Forecast)
        assert found.high_seconds is not None
        likely = 30 * BASE_PER_DAY / burn.expected_per_day * 86_400
        assert found.low_seconds * 0.9 <= likely <= found.high_seconds * 1.1


noisy = st.integers(0, 2**32).map(lambda seed: list(segments_of_series(live("drift", seed, days=24).series)))


@given(noisy, st.integers(2, 10**6))
@settings(max_examples=15, deadline=None)
def test_the_unit_of_cycles_means_nothing(past: list[Segment], factor: int) -> None:
    now_ns = past[-1].end_ns
    one = forecast_runway(past, now_ns=now_ns, cycles=10**13, freezing_limit=10**12)
    more = [replace(part, burnt=part.burnt * factor) for part in past]
    other = forecast_runway(more, now_ns=now_ns, cycles=10**13 * factor, freezing_limit=10**12 * factor)
    assert isinstance(one, Forecast)
    assert isinstance(other, Forecast)
    assert other.low_seconds == pytest.approx(one.low_seconds)
    assert other.high_seconds == pytest.approx(one.high_seconds)
    assert (other.inside, other.backtests) == (one.inside, one.backtests)


@given(
    st.lists(st.tuples(st.integers(0, 40 * DAY_NS), st.integers(1, 3 * DAY_NS), st.integers(0, 10**20)), max_size=80),
    st.integers(0, 10**30),
    st.none() | st.integers(0, 10**20),
    st.booleans(),
)
@settings(deadline=None)
def test_bounds_are_numbers_in_their_order(
    parts: list[tuple[int, int, int]], cycles: int, idle: int | None, changed: bool
) -> None:
    past = [Segment(NOW - age - long, NOW - age, burnt, long) for age, long, burnt in parts]
    found = forecast_runway(
        past, now_ns=NOW, cycles=cycles, freezing_limit=10**6, idle_burn_per_day=idle, changed=changed
    )
    if isinstance(found, NoForecast):
        assert found.reason
        return
    assert 0 <= found.low_seconds < float("inf")
    assert found.high_seconds is None or found.low_seconds <= found.high_seconds < float("inf")
    assert 0 <= found.inside <= found.backtests
    assert 0 < found.nominal <= 0.8
