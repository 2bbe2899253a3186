"""What is expected to become of a balance: a line, the band around it, and the day on which it freezes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.monitor.forecast import Forecast
from quri_console.render.cycles_window import day_text
from quri_console.units import DAY_SECONDS, format_duration

if TYPE_CHECKING:
    from quri_console.monitor.burn_report import CanisterBurn
    from quri_console.monitor.fleet import CanisterView

DAY_NS = DAY_SECONDS * NANOSECONDS_PER_SECOND
FAR_SECONDS = 100 * 365 * DAY_SECONDS
"""A forecast beyond this says nothing."""
FAR = "not in 100 years"


@dataclass(frozen=True, slots=True)
class Ahead:
    """A balance (cycles) of `at_ns` and the burns (cycles per day) that it is expected to go on with.

    `slowest` and `fastest` are the ends of the interval of a forecast; None where there is no forecast.
    """

    at_ns: int
    cycles: int
    expected: float
    slowest: float | None = None
    fastest: float | None = None

    def balance(self, burn: float, at_ns: int) -> int:
        """What is left at a moment at that burn."""
        return max(self.cycles - round(burn * max(at_ns - self.at_ns, 0) / DAY_NS), 0)

    def band(self, at_ns: int) -> tuple[int, int] | None:
        """What is left at least and at most."""
        if self.slowest is None or self.fastest is None:
            return None
        return self.balance(self.fastest, at_ns), self.balance(self.slowest, at_ns)


def ahead_of(view: CanisterView | None, burn: CanisterBurn | None) -> Ahead | None:
    """How a canister is expected to go on; None while nothing is known of that."""
    if view is None or view.cycles is None or view.sampled_at_ns is None:
        return None
    expected = burn.estimate.expected_per_day if burn is not None and burn.estimate is not None else view.burn_per_day
    if expected is None:
        return None
    slowest, fastest = _burns(burn) if burn is not None else (None, None)
    return Ahead(view.sampled_at_ns, view.cycles, expected, slowest, fastest)


def _burns(burn: CanisterBurn) -> tuple[float | None, float | None]:
    """The burns that the ends of the runway's interval stand for."""
    found = burn.forecast
    if not isinstance(found, Forecast) or burn.cycles is None or burn.freezing_limit is None:
        return None, None
    above = burn.cycles - burn.freezing_limit
    if above <= 0 or found.low_seconds <= 0:
        return None, None
    slowest = above * DAY_SECONDS / found.high_seconds if found.high_seconds else 0.0
    return slowest, above * DAY_SECONDS / found.low_seconds


def freeze_text(runway_seconds: float | None, burn: CanisterBurn | None, now_ns: int) -> str:
    """The day of freezing with its interval where there is one: `Dec 7 ± 2 d`, `Dec 7 (Dec 5 to Jan 3)`."""
    day, interval = freeze_parts(runway_seconds, burn, now_ns)
    if interval.startswith("±"):
        return f"{day} {interval}"
    return f"{day} ({interval})" if interval else day


def freeze_parts(runway_seconds: float | None, burn: CanisterBurn | None, now_ns: int) -> tuple[str, str]:
    """The day of freezing, and its interval; each empty when it is not known."""
    if runway_seconds is None:
        return "", ""
    if runway_seconds <= 0:
        return "now", ""
    if runway_seconds > FAR_SECONDS:
        return FAR, ""
    found = burn.forecast if burn is not None else None
    interval = _interval(found, runway_seconds, now_ns) if isinstance(found, Forecast) else ""
    return _day(runway_seconds, now_ns), interval


def _day(seconds: float, now_ns: int) -> str:
    return day_text(now_ns + round(seconds * NANOSECONDS_PER_SECOND), now_ns)


def _interval(found: Forecast, seconds: float, now_ns: int) -> str:
    low, high = found.low_seconds, found.high_seconds
    if high is not None and low <= seconds <= high:
        before, after = seconds - low, high - seconds
        if max(before, after) <= 2 * max(min(before, after), 3600):
            return f"± {_rounded(max(before, after))}"
    first = _day(min(low, FAR_SECONDS), now_ns)
    if high is None or high > FAR_SECONDS:
        return f"{first} at the earliest"
    last = _day(high, now_ns)
    return f"{first} to {last}" if first != last else first


def _rounded(seconds: float) -> str:
    """In whole days from two days on, else in whole hours."""
    unit = DAY_SECONDS if seconds >= 2 * DAY_SECONDS else 3600
    return format_duration(max(round(seconds / unit), 1) * unit)
