"""The time that the Cycles chart spans, column by column, and what stands below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.clock import NANOSECONDS_PER_SECOND, utc_datetime
from quri_console.render.zone import in_zone, zone_name
from quri_console.units import DAY_SECONDS, HOUR_SECONDS

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Range:
    """How far back a chart looks."""

    label: str
    seconds: int


RANGES = (
    Range("1 h", HOUR_SECONDS),
    Range("6 h", 6 * HOUR_SECONDS),
    Range("1 d", DAY_SECONDS),
    Range("7 d", 7 * DAY_SECONDS),
    Range("30 d", 30 * DAY_SECONDS),
    Range("1 y", 365 * DAY_SECONDS),
    Range("5 y", 5 * 365 * DAY_SECONDS),
)
USUAL_RANGE = 2
"""Which of RANGES a chart begins with."""

_MINUTE = 60
_TICK_SECONDS = (
    *(minutes * _MINUTE for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * HOUR_SECONDS for hours in (1, 2, 3, 6, 12)),
    *(days * DAY_SECONDS for days in (1, 2, 7, 14, 28, 91, 182, 364, 728)),
)
_TICK_COLUMNS = 12
"""The least distance of two ticks: their labels must not touch."""
_EDGE_COLUMNS = 3
_FUTURE_SHARE = 5


@dataclass(frozen=True, slots=True)
class Window:
    """`past` columns of `column_ns` from `since_ns` on, and `future` ones after them, all of whole columns."""

    since_ns: int
    column_ns: int
    past: int
    future: int

    @property
    def columns(self) -> int:
        """All columns."""
        return self.past + self.future

    @property
    def until_ns(self) -> int:
        """The end of the past: not before now, and less than a column after it."""
        return self.since_ns + self.past * self.column_ns

    @property
    def end_ns(self) -> int:
        """The end of the future."""
        return self.until_ns + self.future * self.column_ns

    def start_ns(self, column: int) -> int:
        """When a column begins."""
        return self.since_ns + column * self.column_ns

    def place(self, at_ns: int) -> float:
        """Where a moment stands, in columns; the middle of the first is 0."""
        return (at_ns - self.since_ns) / self.column_ns - 0.5

    def column(self, at_ns: int) -> int:
        """The column that holds a moment; it may lie outside."""
        return (at_ns - self.since_ns) // self.column_ns


def same_moment(column: int | None, before: Window, after: Window) -> int | None:
    """Where the moment of a column stands after the window moved on; None when it fell out, or the columns changed."""
    if column is None or before.column_ns != after.column_ns:
        return None
    found = after.column(before.start_ns(column))
    return found if 0 <= found < after.columns else None


def window_of(seconds: int, columns: int, now_ns: int, *, with_future: bool) -> Window:
    """The window of that many columns whose past is `seconds` long.

    It moves on by whole columns only, so that a picture stands still while nothing new would be seen in it.
    """
    future = columns // _FUTURE_SHARE if with_future else 0
    past = max(columns - future, 1)
    column_ns = max(seconds * NANOSECONDS_PER_SECOND // past, 1)
    until_ns = (now_ns // column_ns + 1) * column_ns
    return Window(max(until_ns - past * column_ns, 0), column_ns, past, future)


def ticks(window: Window) -> tuple[tuple[int, str], ...]:
    """(column, text) of the moments to write below a chart: round ones, in the zone that is shown."""
    least_ns = window.column_ns * _TICK_COLUMNS
    steps = (seconds * NANOSECONDS_PER_SECOND for seconds in _TICK_SECONDS)
    step_ns = next((step for step in steps if step >= least_ns), least_ns)
    offset_ns = _offset_ns(window.until_ns)
    first_ns = -(-(window.since_ns + offset_ns) // step_ns) * step_ns - offset_ns
    places = ((window.column(at_ns), at_ns) for at_ns in range(first_ns, window.end_ns, step_ns))
    return tuple(
        (column, _tick_text(at_ns, step_ns))
        for column, at_ns in places
        if _EDGE_COLUMNS <= column < window.columns - _EDGE_COLUMNS
    )


def shown_datetime(at_ns: int) -> datetime:
    """A moment in the zone that is shown."""
    return in_zone(utc_datetime(at_ns))


def _offset_ns(at_ns: int) -> int:
    offset = shown_datetime(at_ns).utcoffset()
    return round(offset.total_seconds()) * NANOSECONDS_PER_SECOND if offset is not None else 0


def _tick_text(at_ns: int, step_ns: int) -> str:
    step, moment = step_ns // NANOSECONDS_PER_SECOND, shown_datetime(at_ns)
    if step < DAY_SECONDS and (moment.hour or moment.minute):
        return f"{moment:%H:%M}"
    return f"{moment:%b %d}" if step < 90 * DAY_SECONDS else f"{moment:%Y-%m}"


def day_text(at_ns: int, now_ns: int) -> str:
    """A day in few characters: `Dec 7`; of what is more than half a year away the month and year."""
    day = shown_datetime(at_ns)
    near = at_ns - now_ns < DAY_SECONDS * NANOSECONDS_PER_SECOND * 183
    return f"{day:%b} {day.day}" if near else f"{day:%b %Y}"


def column_text(window: Window, column: int) -> str:
    """When a column begins, as exact as it is wide: `2026-11-29 14:24 UTC`, `2026-11-29 UTC`."""
    at_ns = window.start_ns(column)
    moment, zone = shown_datetime(at_ns), zone_name(at_ns)
    if window.column_ns >= DAY_SECONDS * NANOSECONDS_PER_SECOND:
        return f"{moment:%Y-%m-%d} {zone}"
    form = "%Y-%m-%d %H:%M:%S" if window.column_ns < _MINUTE * NANOSECONDS_PER_SECOND else "%Y-%m-%d %H:%M"
    return f"{moment:{form}} {zone}"
