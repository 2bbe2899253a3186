"""How old a number is, in few characters."""

from __future__ import annotations

from quri_console.clock import NANOSECONDS_PER_SECOND, utc_datetime
from quri_console.units import DAY_SECONDS

NEVER = "never"
LONGEST_SECONDS = 999 * 365 * DAY_SECONDS
_STEPS = ((365 * DAY_SECONDS, "y"), (DAY_SECONDS, "d"), (3600, "h"), (60, "m"), (1, "s"))


def age_seconds(at_ns: int, now_ns: int) -> float:
    """Seconds since `at_ns`; 0 for a moment ahead of the clock."""
    return max(now_ns - at_ns, 0) / NANOSECONDS_PER_SECOND


def short_duration(seconds: float) -> str:
    """A duration in its largest unit, rounded down: `3d`, `14m`, `0s`; `999y` stands for that and more."""
    seconds = min(seconds, LONGEST_SECONDS)
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return "0s"


def short_age(at_ns: int | None, now_ns: int) -> str:
    """Time since a moment: `3m`, `never` without one, `ahead` when it lies more than 5 s in the future."""
    if at_ns is None:
        return NEVER
    if at_ns - now_ns > 5 * NANOSECONDS_PER_SECOND:
        return "ahead"
    return short_duration(age_seconds(at_ns, now_ns))


def utc_text(at_ns: int) -> str:
    """A moment to the second with its zone: `2025-01-24 02:00:07 UTC`."""
    return utc_datetime(at_ns).strftime("%Y-%m-%d %H:%M:%S UTC")
