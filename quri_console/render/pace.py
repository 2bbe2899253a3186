"""How fast long work goes, and how long it still takes, by when its reports came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.units import format_bytes, format_duration

if TYPE_CHECKING:
    from quri_console.progress import ProgressEvent

LEAST_SECONDS = 1.0
"""Sooner a rate says nothing."""
_BURST_SECONDS = 0.2
"""Reports that come within it were written before anybody looked: nothing is measured by them."""


def amount_text(value: int, unit: str) -> str:
    """`12 MiB`, or `3 canisters`."""
    return format_bytes(value) if unit == "bytes" else f"{value} {unit}"


def rate_text(event: ProgressEvent, done: int, seconds: float) -> str:
    """`, 12 MiB/s, 4 s left` when `done` was done in those seconds; empty where that cannot be told."""
    if seconds <= LEAST_SECONDS or done <= 0 or not event.done < event.total:
        return ""
    rate = done / seconds
    left = format_duration((event.total - event.done) / rate)
    return f", {amount_text(round(rate), event.unit)}/s, {left} left"


class Pace:
    """Remembers when each phase was first seen, and how far it was then."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str], tuple[float, int]] = {}

    def see(self, event: ProgressEvent, now: float) -> None:
        """Take a report that came at `now`, in seconds of a monotonic clock."""
        known = self._first.setdefault((event.phase, event.subject), (now, event.done))
        if now - known[0] < _BURST_SECONDS:
            self._first[event.phase, event.subject] = (known[0], event.done)

    def text(self, event: ProgressEvent, now: float) -> str:
        """The rate and the time left of the phase, like `rate_text`."""
        since, done = self._first.get((event.phase, event.subject), (now, event.done))
        return rate_text(event, event.done - done, now - since)
