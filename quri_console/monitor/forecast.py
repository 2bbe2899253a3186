"""How far the runway may be off: an interval from how far past forecasts were off.

Rolling-origin conformal prediction. At many moments of the past the expected burn is estimated from what was known
then, and compared with what was really burnt over the horizon that followed. Quantiles of these ratios, with the
(n + 1) correction, bound the ratio to come. No shape of the noise is assumed; the same procedure, applied at every
past moment with only what was known at it, is counted: how many of its intervals held what happened.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.monitor.burn import ALERT_WINDOWS_SECONDS, EXPECTED_WINDOW_SECONDS, runway_seconds
from quri_console.monitor.windows import DAY_NS, HOUR_NS, Segment, Timeline, whole_hour

NOMINAL_COVERAGE = 0.8
MIN_HISTORY_DAYS = 14
MIN_BACKTESTS = 8
COUNTED_BACKTESTS = 30
"""Of how many past forecasts, at most, the coverage is told."""
LONGEST_HORIZON_DAYS = 7

_STEP_NS = 12 * HOUR_NS
_TRAINING_NS = 3 * DAY_NS
# Half a year back a canister may have been another program.
_KEPT_RATIOS = 60
_WINDOW_NS = EXPECTED_WINDOW_SECONDS * NANOSECONDS_PER_SECOND
_SHORT_NS = ALERT_WINDOWS_SECONDS[0] * NANOSECONDS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Forecast:
    """The interval of the runway to the freezing limit, in seconds.

    `high_seconds` is None when it has no end. `nominal` is the coverage that was aimed at, `inside` of the last
    `backtests` past forecasts, each of the burn over the next `horizon_seconds`, really fell inside.
    `widened`: the burn has changed lately, and the interval spans the old and the new one.
    """

    low_seconds: float
    high_seconds: float | None
    nominal: float
    backtests: int
    inside: int
    horizon_seconds: int
    widened: bool = False

    @property
    def coverage_text(self) -> str:
        """How good such intervals have been, such as `of the last 30 forecasts 24 fell inside`."""
        return f"of the last {self.backtests} forecasts {self.inside} fell inside"


@dataclass(frozen=True, slots=True)
class NoForecast:
    """Why there is no interval yet."""

    reason: str


class _Origin(NamedTuple):
    """One moment of the past: what was estimated at it, and what came of it (cycles per day)."""

    at_ns: int
    expected: float
    recent: float
    """The burn of the shortest window."""
    realised: float


class _Band(NamedTuple):
    low: float
    high: float
    nominal: float
    widened: bool


def forecast_runway(
    past: Timeline | Iterable[Segment],
    *,
    now_ns: int,
    cycles: int | None,
    freezing_limit: int | None,
    idle_burn_per_day: int | None = None,
    changed: bool = False,
) -> Forecast | NoForecast:
    """The interval of the time to the (effective) freezing limit, or why there is none.

    `changed` says that something else, such as a new module, makes the past a poor guide; a burn that left
    the range of its own past is noticed here.
    """
    if cycles is None or freezing_limit is None:
        return NoForecast("no interval: the balance or the freezing limit is not known")
    timeline = past if isinstance(past, Timeline) else Timeline(past)
    history_ns = now_ns - timeline.first_ns if timeline.first_ns is not None else 0
    if history_ns < MIN_HISTORY_DAYS * DAY_NS:
        return NoForecast(f"no interval yet: {max(history_ns, 0) // DAY_NS} of {MIN_HISTORY_DAYS} days of history")
    horizon_ns = _horizon_ns(history_ns)
    tests = _Backtests(horizon_ns)
    for origin in _origins(timeline, now_ns, horizon_ns):
        tests.add(origin)
    counted = tests.outcomes[-COUNTED_BACKTESTS:]
    if len(counted) < MIN_BACKTESTS:
        return NoForecast(f"no interval yet: {len(counted)} of {MIN_BACKTESTS} past forecasts can be checked")
    now = _estimates(timeline, whole_hour(now_ns))
    band = tests.band(now, changed=changed) if now is not None else None
    if band is None:
        return NoForecast("no interval: too little was seen in the last days")
    floor = float(idle_burn_per_day or 0)
    low = runway_seconds(cycles, freezing_limit, max(band.high, floor))
    if low is None:
        return NoForecast("no interval: nothing is burnt")
    return Forecast(
        low_seconds=low,
        high_seconds=runway_seconds(cycles, freezing_limit, max(band.low, floor)),
        nominal=band.nominal,
        backtests=len(counted),
        inside=sum(counted),
        horizon_seconds=horizon_ns // NANOSECONDS_PER_SECOND,
        widened=band.widened,
    )


def _horizon_ns(history_ns: int) -> int:
    """Whole days, so that the time of day means nothing, and few enough for many back-tests."""
    return min(max(history_ns // (7 * DAY_NS), 1), LONGEST_HORIZON_DAYS) * DAY_NS


def _origins(timeline: Timeline, now_ns: int, horizon_ns: int) -> Iterator[_Origin]:
    """Moments whose horizon is over, oldest first."""
    if timeline.first_ns is None:
        return
    newest_ns = whole_hour(now_ns) - horizon_ns
    # an origin is judged by the ratios of its past, so there are more than are counted
    most = _KEPT_RATIOS + COUNTED_BACKTESTS + horizon_ns // _STEP_NS
    steps = min((newest_ns - timeline.first_ns - _TRAINING_NS) // _STEP_NS, most)
    for step in range(steps, -1, -1):
        at_ns = newest_ns - step * _STEP_NS
        estimates = _estimates(timeline, at_ns)
        realised = timeline.between(at_ns, at_ns + horizon_ns)
        if estimates is not None and realised.per_day is not None and 2 * realised.elapsed_ns >= horizon_ns:
            yield estimates._replace(realised=realised.per_day)


def _estimates(timeline: Timeline, at_ns: int) -> _Origin | None:
    """What was estimated at a moment, from what ended before it; None when too little was seen until then."""
    expected = timeline.between(at_ns - _WINDOW_NS, at_ns)
    if 2 * expected.elapsed_ns < _TRAINING_NS or not expected.burnt:
        return None
    recent = timeline.between(at_ns - _SHORT_NS, at_ns)
    rate = expected.burnt * DAY_NS / expected.elapsed_ns
    seen = recent.per_day is not None and 2 * recent.elapsed_ns >= _SHORT_NS
    return _Origin(at_ns, rate, recent.per_day if seen and recent.per_day is not None else rate, 0.0)


class _Backtests:
    """Origins in the order of time; each is judged by those whose horizon was over at it."""

    def __init__(self, horizon_ns: int) -> None:
        self._horizon_ns = horizon_ns
        self._origins: list[_Origin] = []
        self._over = 0
        self._ratios: list[float] = []
        self._departures: list[float] = []
        self.outcomes: list[bool] = []
        """Whether each interval held what was burnt, oldest first."""

    def add(self, origin: _Origin) -> None:
        band = self.band(origin)
        if band is not None:
            self.outcomes.append(band.low <= origin.realised <= band.high)
        self._origins.append(origin)

    def band(self, now: _Origin, *, changed: bool = False) -> _Band | None:
        """The interval of the burn that follows, from what was known; None with too few ratios."""
        self._learn(now.at_ns)
        n = len(self._ratios)
        if n < MIN_BACKTESTS:
            return None
        low, high, nominal = _quantiles(self._ratios)
        departure = now.recent / now.expected
        flagged = changed or not self._departures[0] <= departure <= self._departures[-1]
        if flagged:
            low, high = low * min(1.0, departure), high * max(1.0, departure)
        return _Band(now.expected * low, now.expected * high, nominal, flagged)

    def _learn(self, at_ns: int) -> None:
        while self._over < len(self._origins) and self._origins[self._over].at_ns + self._horizon_ns <= at_ns:
            origin = self._origins[self._over]
            insort(self._ratios, origin.realised / origin.expected)
            insort(self._departures, origin.recent / origin.expected)
            self._over += 1
            if self._over > _KEPT_RATIOS:
                old = self._origins[self._over - _KEPT_RATIOS - 1]
                self._ratios.remove(old.realised / old.expected)
                self._departures.remove(old.recent / old.expected)


def _quantiles(ratios: list[float]) -> tuple[float, float, float]:
    """The bounds, and the coverage that they stand for when past and future are alike."""
    n = len(ratios)
    rank = math.floor((n + 1) * (1 - NOMINAL_COVERAGE) / 2)
    # eight ratios reach no further than their own ends
    nominal = NOMINAL_COVERAGE if rank >= 1 else (n - 1) / (n + 1)
    rank = max(rank, 1)
    return ratios[rank - 1], ratios[n - rank], nominal
