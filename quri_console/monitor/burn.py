"""How fast cycles go, from the history; always an estimate.

The estimator is the sum of burn over the sum of time: of the estimators that were simulated it has the smallest
error, it needs no regular samples, and it gives the same result on rollups (tests/benchmarks/burn_estimators.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quri_console.monitor.windows import (
    DAY_NS,
    MIN_OBSERVED_SECONDS,
    Observed,
    Segment,
    Timeline,
    segments_of_series,
    whole_hour,
)
from quri_console.units import DAY_SECONDS

__all__ = [
    "ALERT_WINDOWS_SECONDS",
    "EXPECTED_WINDOW_SECONDS",
    "MIN_OBSERVED_SECONDS",
    "BurnEstimate",
    "Runway",
    "WindowBurn",
    "burn_per_day",
    "effective_freezing_limit",
    "estimate_burn",
    "observed_burn_per_day",
    "runway",
    "runway_seconds",
]

EXPECTED_WINDOW_SECONDS = 14 * DAY_SECONDS
# A short window sees a step within two days, the long ones keep a quiet weekend from hiding a busy week.
ALERT_WINDOWS_SECONDS: tuple[int, ...] = (DAY_SECONDS * 3 // 2, 4 * DAY_SECONDS, EXPECTED_WINDOW_SECONDS)
# A burst in the only hour that was seen of a window must not stand for the whole window.
_MIN_WINDOW_SHARE = 4
# Until the first window counts, what was not seen yet of it is taken to have burnt what the network states: the bill
# of one backup in the first minutes must not stand for a day.
_FULL_SECONDS = ALERT_WINDOWS_SECONDS[0] / _MIN_WINDOW_SHARE


@dataclass(frozen=True, slots=True)
class WindowBurn:
    """Burn over one window that ends now; `per_day` in cycles, None when too little of it was observed.

    In the first nine hours of a history, the longest window's burn leans on the idle burn.
    """

    window_seconds: int
    per_day: float | None
    observed_seconds: float


@dataclass(frozen=True, slots=True)
class BurnEstimate:
    """Burn in cycles per day, never below the idle burn that the network states.

    `expected_per_day` is the likely one, `alert_per_day` the pessimistic one that alerts and the runway use.
    `idle_only`: nothing was observed yet and both are the idle burn. `observed_seconds` is the time behind
    the expected burn.
    """

    expected_per_day: float
    alert_per_day: float
    idle_only: bool
    observed_seconds: float
    windows: tuple[WindowBurn, ...] = ()


@dataclass(frozen=True, slots=True)
class Runway:
    """Seconds to the freezing limit and to no cycles at all; 0 when reached, None when unknown or without end."""

    to_freeze_seconds: float | None
    to_empty_seconds: float | None


def estimate_burn(
    past: Timeline | Iterable[Segment], *, now_ns: int, idle_burn_per_day: int | None = None
) -> BurnEstimate | None:
    """The burn of one canister from its last 14 days; None when neither a burn nor the idle burn is known."""
    timeline = past if isinstance(past, Timeline) else Timeline(past)
    floor = idle_burn_per_day
    windows = tuple(_window(timeline, now_ns, seconds, floor) for seconds in ALERT_WINDOWS_SECONDS)
    expected = windows[-1]
    rates = [window.per_day for window in windows if window.per_day is not None]
    if not rates:
        return None if floor is None else BurnEstimate(float(floor), float(floor), True, 0.0, windows)
    # the longest window holds what the others hold
    assert expected.per_day is not None
    return BurnEstimate(
        expected_per_day=max(expected.per_day, float(floor or 0)),
        alert_per_day=max(*rates, float(floor or 0)),
        idle_only=False,
        observed_seconds=expected.observed_seconds,
        windows=windows,
    )


def _window(timeline: Timeline, now_ns: int, seconds: int, idle_per_day: int | None) -> WindowBurn:
    observed = timeline.between(whole_hour(now_ns - seconds * (DAY_NS // DAY_SECONDS)))
    per_day = observed.per_day
    if seconds != EXPECTED_WINDOW_SECONDS and observed.seconds * _MIN_WINDOW_SHARE < seconds:
        per_day = None
    elif per_day is not None and idle_per_day is not None:
        seen = min(observed.seconds / _FULL_SECONDS, 1.0)
        per_day = per_day * seen + min(idle_per_day, per_day) * (1.0 - seen)
    return WindowBurn(seconds, per_day, observed.seconds)


def effective_freezing_limit(freezing_limit: int, reserved_cycles: int | None) -> int:
    """The balance below which a canister freezes: its reserved cycles pay first.

    `freezing_limit` is the idle burn times the freezing threshold; `CanisterStatus.freezing_limit_cycles`
    has had the reserved cycles taken off already.
    """
    return max(freezing_limit - (reserved_cycles or 0), 0)


def runway(cycles: int | None, freezing_limit: int | None, burn: BurnEstimate | None) -> Runway:
    """How long the cycles last at the pessimistic burn; `freezing_limit` is the effective one, in cycles."""
    per_day = burn.alert_per_day if burn else None
    return Runway(runway_seconds(cycles, freezing_limit, per_day), runway_seconds(cycles, 0, per_day))


def runway_seconds(cycles: int | None, freezing_limit: int | None, burn: float | None) -> float | None:
    """Seconds to the freezing limit at that burn, 0 when it is reached; None when unknown or without end."""
    if cycles is None or freezing_limit is None or burn is None:
        return None
    above = cycles - freezing_limit
    if above <= 0:
        return 0.0
    seconds = above / burn * DAY_SECONDS if burn > 0 else math.inf
    return seconds if math.isfinite(seconds) else None


def observed_burn_per_day(series: Sequence[tuple[int, int]]) -> float | None:
    """Cycles burnt per day over all of (time in ns, balance); None when too little was seen."""
    segments = segments_of_series(series)
    burnt = sum(segment.burnt for segment in segments)
    return Observed(burnt, sum(segment.elapsed_ns for segment in segments)).per_day


def burn_per_day(series: Sequence[tuple[int, int]], idle_burn_per_day: int | None) -> float | None:
    """The observed burn, never below the idle burn that the network states; None when neither is known."""
    known = [burn for burn in (observed_burn_per_day(series), idle_burn_per_day) if burn is not None]
    return float(max(known)) if known else None
