"""Hours that burn much more than the same hour usually does.

A burn follows the time of day and of the week, so an hour is only compared with its like: robust z of the logarithm
of its rate, against the median and the median deviation of the same hour of the day (21 days), or, from three weeks of
data on, of the same hour of the week with the deviation pooled over all hours, since each has few of its own. Weeks
are brought to the level of the newest one first, so that a growing canister is compared with what it is now.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Literal, NamedTuple

from quri_console.clock import utc_datetime
from quri_console.history.events import Event
from quri_console.monitor.windows import HOUR_NS, Segment
from quri_console.units import format_cycles

Z_THRESHOLD = 4.0
# Below this deviation of the logarithm, 10 %, a difference is not worth a word however regular the past was.
SCALE_FLOOR = 0.1
DAILY_WINDOW_DAYS = 21
WEEKLY_WINDOW_WEEKS = 8
_MIN_SAME_HOURS, _MIN_SAME_WEEKDAYS = 7, 3
_DAY, _WEEK = 24, 168
# An hour counts when half of it was seen; what is longer is the mean of many hours, such as after a gap.
_MIN_CELL_NS, _MAX_CELL_NS = HOUR_NS // 2, HOUR_NS * 5 // 2
_LATEST_HOURS = 3
# A median deviation of a normal distribution is this much less than its standard deviation.
_MAD_TO_SIGMA = 1.4826
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# 1970-01-01 was a Thursday
_FIRST_WEEKDAY = 3

CHANGES = frozenset({"module-changed", "controllers-changed"})

Season = Literal["hour of day", "hour of week"]


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An unusual burn (cycles per day) from `from_ns` on; `changes` are those of the hour in which it began.

    `usual_low` to `usual_high` is one deviation around the usual burn of that hour, `z` how many deviations
    the newest hour lies above it.
    """

    from_ns: int
    at_ns: int
    burn_per_day: float
    usual_low: float
    usual_high: float
    z: float
    season: Season
    changes: tuple[Event, ...] = ()

    @property
    def text(self) -> str:
        """One line: `burn 1.9 T/day, usual Tuesday 14 h UTC 500 B–700 B/day, z = 7.2`."""
        hour = self.at_ns // HOUR_NS
        day = f"{_WEEKDAYS[(hour // _DAY + _FIRST_WEEKDAY) % 7]} " if self.season == "hour of week" else ""
        line = (
            f"burn {format_cycles(round(self.burn_per_day))}/day, "
            f"usual {day}{hour % _DAY} h UTC {_span(self.usual_low, self.usual_high)}/day, z = {self.z:.1f}"
        )
        # the kind is ours, never text of the network
        said = (f"{c.kind.replace('-', ' ')} {utc_datetime(c.at_ns):%H:%M} UTC" for c in self.changes)
        return "; ".join((line, *said))


class _Usual(NamedTuple):
    middle: float
    scale: float
    season: Season

    def z(self, value: float) -> float:
        return (value - self.middle) / self.scale


def find_anomaly(
    segments: Iterable[Segment],
    *,
    now_ns: int,
    idle_burn_per_day: int | None = None,
    events: Sequence[Event] = (),
) -> Anomaly | None:
    """The unusual burn that goes on now: the two newest hours both lie far above their like; else None.

    Samples more than two hours apart show no hours, so nothing is found on them. The verdict changes with the
    hour, and on eight weeks of hours it costs 2 to 3 ms, so ask once an hour.
    """
    rates = hourly_rates(segments, idle_burn_per_day)
    newest = max(rates, default=0)
    # in a series of samples an hour apart one hour in between may have none of its own
    before = next((hour for hour in range(newest - 1, newest - _LATEST_HOURS, -1) if hour in rates), None)
    if before is None or now_ns // HOUR_NS - newest >= _LATEST_HOURS:
        return None
    past = _Past(rates, newest)
    usual = past.unusual(newest)
    if usual is None or past.unusual(before) is None:
        return None
    first = past.first_of_run(before)
    return Anomaly(
        from_ns=first * HOUR_NS,
        at_ns=newest * HOUR_NS,
        burn_per_day=rates[newest],
        usual_low=math.exp(usual.middle - usual.scale),
        usual_high=math.exp(usual.middle + usual.scale),
        z=usual.z(math.log(rates[newest])),
        season=usual.season,
        changes=_changes(events, first, newest),
    )


def hourly_rates(segments: Iterable[Segment], idle_burn_per_day: int | None = None) -> dict[int, float]:
    """Cycles per day in each hour since 1970 that was seen, never below the idle burn; no burn is left out."""
    cells: dict[int, tuple[int, int]] = {}
    for segment in segments:
        hour = segment.end_ns // HOUR_NS
        if hour in cells:
            burnt, elapsed_ns = cells[hour]
            cells[hour] = burnt + segment.burnt, elapsed_ns + segment.elapsed_ns
        else:
            cells[hour] = segment.burnt, segment.elapsed_ns
    floor = float(idle_burn_per_day or 0)
    rates = {
        hour: max(burnt * _DAY * HOUR_NS / elapsed_ns, floor)
        for hour, (burnt, elapsed_ns) in cells.items()
        if _MIN_CELL_NS <= elapsed_ns <= _MAX_CELL_NS
    }
    return {hour: rate for hour, rate in rates.items() if rate > 0}


class _Past:
    """Hourly rates, each judged by those before it."""

    def __init__(self, rates: Mapping[int, float], newest: int) -> None:
        self._rates = rates
        self._newest = newest

    def unusual(self, hour: int) -> _Usual | None:
        """What is usual at that hour, if the hour is far above it."""
        value = math.log(self._rates[hour])
        weekly = self._same_hours_of_week(hour)
        if len(weekly) >= _MIN_SAME_WEEKDAYS:
            middle = median(weekly)
            # the pooled scale costs a look at every hour, and cannot be below its floor
            if (value - middle) / SCALE_FLOOR <= Z_THRESHOLD:
                return None
            usual = _Usual(middle, self._pooled_scale, "hour of week")
        else:
            daily = self._same_hours_of_day(hour)
            if len(daily) < _MIN_SAME_HOURS:
                return None
            middle = median(daily)
            usual = _Usual(middle, _scale([abs(earlier - middle) for earlier in daily]), "hour of day")
        return usual if usual.z(value) > Z_THRESHOLD else None

    def first_of_run(self, hour: int) -> int:
        """The first of the unusual hours in a row that end with this one."""
        while hour - 1 in self._rates and self.unusual(hour - 1) is not None:
            hour -= 1
        return hour

    def _same_hours_of_day(self, hour: int) -> list[float]:
        same = range(hour - _DAY, hour - _DAY * DAILY_WINDOW_DAYS - 1, -_DAY)
        return [math.log(self._rates[earlier]) for earlier in same if earlier in self._rates]

    def _same_hours_of_week(self, hour: int) -> list[float]:
        same = range(hour - _WEEK, hour - _WEEK * WEEKLY_WINDOW_WEEKS - 1, -_WEEK)
        return [self._at_level_of_now(earlier) for earlier in same if earlier in self._rates]

    def _at_level_of_now(self, hour: int) -> float:
        levels = self._levels
        return math.log(self._rates[hour]) + levels[0] - levels[min((self._newest - hour) // _WEEK, len(levels) - 1)]

    @cached_property
    def _levels(self) -> list[float]:
        """The median of each week before the newest hour, newest first; one that was hardly seen has that of now."""
        weeks: list[list[float]] = [[] for _ in range(WEEKLY_WINDOW_WEEKS + 1)]
        for hour, rate in self._rates.items():
            week = (self._newest - hour) // _WEEK
            if week <= WEEKLY_WINDOW_WEEKS:
                weeks[week].append(rate)
        if 2 * len(weeks[0]) < _WEEK:
            return [0.0] * len(weeks)
        now = math.log(median(weeks[0]))
        return [math.log(median(rates)) if 2 * len(rates) >= _WEEK else now for rates in weeks]

    @cached_property
    def _pooled_scale(self) -> float:
        """The deviation of every hour of the last weeks from its like; with no like it has none."""
        groups: dict[int, list[float]] = {}
        oldest = self._newest - _WEEK * WEEKLY_WINDOW_WEEKS
        for hour in self._rates:
            if oldest <= hour < self._newest:
                groups.setdefault(hour % _WEEK, []).append(self._at_level_of_now(hour))
        return _scale([deviation for values in groups.values() for deviation in _deviations(values)])


def _deviations(values: Sequence[float]) -> Iterator[float]:
    n = len(values)
    if n < 2:
        return
    # few values lie closer to their own median than to the true one
    middle, small = median(values), math.sqrt(n / (n - 1))
    ordered = sorted(abs(value - middle) * small for value in values)
    # the middle one of an odd number is its own median and says nothing
    yield from ordered[n % 2 :]


def _scale(deviations: Sequence[float]) -> float:
    return max(_MAD_TO_SIGMA * median(deviations), SCALE_FLOOR) if deviations else SCALE_FLOOR


def _changes(events: Sequence[Event], first: int, newest: int) -> tuple[Event, ...]:
    """Changes from the hour before on: what is noticed by a poll happened before it."""
    hours = range(first - 1, newest + 1)
    return tuple(event for event in events if event.kind in CHANGES and event.at_ns // HOUR_NS in hours)


def _span(low: float, high: float) -> str:
    return f"{format_cycles(round(low))}–{format_cycles(round(high))}"
