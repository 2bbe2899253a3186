"""Top-ups that the balance shows. One that is smaller than the burn of its interval cannot be seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from quri_console.history.differences import lag_cycles
from quri_console.monitor.windows import DAY_NS, Segment, Timeline


@dataclass(frozen=True, slots=True)
class TopUp:
    """Cycles that arrived after `from_ns` and not later than `at_ns`; `cycles` is an estimate, show it with ≈."""

    at_ns: int
    from_ns: int
    cycles: int


def find_top_ups(segments: Iterable[Segment], *, idle_burn_per_day: int | None = None) -> tuple[TopUp, ...]:
    """Every top-up in the segments, oldest first.

    Its size is the rise of the balance and what was burnt meanwhile, at the burn of the day before and after;
    on rollups several top-ups of one bucket are one.
    """
    past = sorted(segments, key=lambda segment: segment.end_ns)
    risen = [segment for segment in past if segment.top_up_cycles > lag_cycles(idle_burn_per_day)]
    if not risen:
        return ()
    timeline = Timeline(past)
    return tuple(_top_up(segment, timeline, idle_burn_per_day or 0) for segment in risen)


def _top_up(segment: Segment, timeline: Timeline, idle_burn_per_day: int) -> TopUp:
    near = timeline.between(segment.start_ns - DAY_NS, segment.end_ns + DAY_NS).per_day
    burn = max(near or 0.0, float(idle_burn_per_day))
    # the intervals with a top-up are what the segment's burn leaves out
    hidden_ns = max(segment.end_ns - segment.start_ns - segment.elapsed_ns, 0)
    return TopUp(segment.end_ns, segment.start_ns, segment.top_up_cycles + round(burn * hidden_ns / DAY_NS))
