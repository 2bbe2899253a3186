"""Burn in pieces: what every estimator counts with, whether it came from raw samples or from rollups.

A segment belongs to the hour in which it ends, as in the rollups, and every window begins on a whole hour.
Sums over a window are therefore the same numbers, to the cycle, on samples and on hourly buckets.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import attrgetter
from typing import NamedTuple, Protocol

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.units import DAY_SECONDS, HOUR_SECONDS

HOUR_NS = HOUR_SECONDS * NANOSECONDS_PER_SECOND
DAY_NS = DAY_SECONDS * NANOSECONDS_PER_SECOND

# The network charges in steps of some seconds; over less time than this a rate is noise.
MIN_OBSERVED_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a canister's past, from one sample to a later one (nanoseconds since 1970).

    `burnt` cycles went in `elapsed_ns`. Intervals in which the balance rose count in neither: a top-up of
    unknown size hides their burn, and `top_up_cycles` is by how much the balance rose in them.
    """

    start_ns: int
    end_ns: int
    burnt: int
    elapsed_ns: int
    top_up_cycles: int = 0


class RolledUp(Protocol):
    """What a rollup bucket tells. `burnt` and `burn_ns` are of the intervals that end in it and hold no top-up."""

    @property
    def first_ns(self) -> int:
        """Time of its first sample."""

    @property
    def last_ns(self) -> int:
        """Time of its last sample."""

    @property
    def burnt(self) -> int | None:
        """Cycles burnt; None when no balance was read."""

    @property
    def burn_ns(self) -> int:
        """The time in which they were burnt."""

    @property
    def top_up_cycles(self) -> int | None:
        """By how much the balance rose."""


class Observed(NamedTuple):
    """What was burnt in a window, and in how much observed time."""

    burnt: int
    elapsed_ns: int

    @property
    def seconds(self) -> float:
        """The observed time in seconds."""
        return self.elapsed_ns / NANOSECONDS_PER_SECOND

    @property
    def per_day(self) -> float | None:
        """Cycles per day, None when too little time was observed."""
        if self.elapsed_ns < MIN_OBSERVED_SECONDS * NANOSECONDS_PER_SECOND:
            return None
        return self.burnt * DAY_NS / self.elapsed_ns


class Timeline:
    """Segments in the order of their ends with running sums, so that a window costs two look-ups."""

    __slots__ = ("_burnt", "_elapsed", "_ends", "first_ns")

    def __init__(self, segments: Iterable[Segment]) -> None:
        ordered = sorted(segments, key=attrgetter("end_ns"))
        self._ends = [segment.end_ns for segment in ordered]
        self._burnt = [0, *accumulate(segment.burnt for segment in ordered)]
        self._elapsed = [0, *accumulate(segment.elapsed_ns for segment in ordered)]
        self.first_ns: int | None = min((segment.start_ns for segment in ordered), default=None)
        """Where the past begins, None for an empty one."""

    def between(self, from_ns: int, to_ns: int | None = None) -> Observed:
        """The segments that end at `from_ns` or later and before `to_ns`."""
        first = bisect_left(self._ends, from_ns)
        last = len(self._ends) if to_ns is None else max(bisect_left(self._ends, to_ns), first)
        return Observed(self._burnt[last] - self._burnt[first], self._elapsed[last] - self._elapsed[first])


def whole_hour(at_ns: int) -> int:
    """The beginning of the hour that holds this moment."""
    return at_ns - at_ns % HOUR_NS


def segments_of_series(series: Iterable[tuple[int, int]]) -> tuple[Segment, ...]:
    """One segment per interval of (nanoseconds since 1970, balance in cycles), in any order."""
    return tuple(_intervals(sorted(series)))


def _intervals(series: Sequence[tuple[int, int]]) -> Iterator[Segment]:
    for (from_ns, before), (to_ns, after) in pairwise(series):
        if to_ns == from_ns:
            # cycles without time would be a burn without end
            continue
        if after > before:
            yield Segment(from_ns, to_ns, 0, 0, after - before)
        else:
            yield Segment(from_ns, to_ns, before - after, to_ns - from_ns)


def segments_of_buckets(buckets: Iterable[RolledUp]) -> tuple[Segment, ...]:
    """One segment per rollup bucket; each begins where the one before ends, as the intervals of samples do."""
    segments = []
    start_ns: int | None = None
    for bucket in sorted(buckets, key=attrgetter("last_ns")):
        if bucket.burnt is not None:
            begin = bucket.first_ns if start_ns is None else start_ns
            segments.append(Segment(begin, bucket.last_ns, bucket.burnt, bucket.burn_ns, bucket.top_up_cycles or 0))
            start_ns = bucket.last_ns
    return tuple(segments)


def segments_of_both(buckets: Iterable[RolledUp], series: Iterable[tuple[int, int]]) -> tuple[Segment, ...]:
    """Buckets, and samples for what ends after the newest bucket's last sample.

    The series should begin with that sample or an earlier one, else one interval is missing.
    """
    rolled = segments_of_buckets(buckets)
    newest_ns = rolled[-1].end_ns if rolled else None
    raw = segments_of_series(series)
    return rolled + tuple(segment for segment in raw if newest_ns is None or segment.end_ns > newest_ns)
