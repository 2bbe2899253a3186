"""A small form of the simulation: which errors the estimators may have at most."""

import pytest

from tests.benchmarks.burn_estimators import Life, alarms, alert, errors_of, expected, least_squares, live

RUNS = 60


def lives(scenario: str) -> list[Life]:
    return [live(scenario, seed) for seed in range(RUNS)]


@pytest.mark.parametrize(("scenario", "most"), [("steady", 0.04), ("weekly", 0.06)])
def test_the_expected_burn_is_close(scenario: str, most: float) -> None:
    assert errors_of(expected, lives(scenario)).typical <= most


@pytest.mark.parametrize(("scenario", "most"), [("steady", 0), ("weekly", 0), ("drift", 0.06), ("step", 0.15)])
def test_the_alert_burn_is_rarely_far_too_low(scenario: str, most: float) -> None:
    assert errors_of(alert, lives(scenario)).far_below <= most


def test_the_simulation_has_the_top_ups_that_mislead_a_straight_line() -> None:
    assert errors_of(least_squares, lives("steady")).middle < -0.8


@pytest.mark.parametrize("days", [20, 30])
def test_six_hours_of_three_times_the_burn_are_found_and_calm_weeks_are_silent(days: int) -> None:
    rung = alarms("steady", 4, days)
    assert rung.found == 1
    assert rung.false_per_week == 0
