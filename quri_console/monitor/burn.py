"""How fast cycles go, from the history; always an estimate."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.units import DAY_SECONDS

# The network charges in steps of some seconds; over less time than this a rate is noise.
MIN_OBSERVED_SECONDS = 300


def observed_burn_per_day(series: Sequence[tuple[int, int]]) -> float | None:
    """Cycles burnt per day over (time in ns, balance), oldest first; None when too little was seen.

    An interval in which the balance rose holds a top-up of unknown size and is left out with its
    time; the rest is the sum of burn over the sum of time.
    """
    burnt = elapsed_ns = 0
    for (from_ns, before), (to_ns, after) in pairwise(series):
        if after <= before and to_ns > from_ns:
            burnt += before - after
            elapsed_ns += to_ns - from_ns
    if elapsed_ns < MIN_OBSERVED_SECONDS * NANOSECONDS_PER_SECOND:
        return None
    return burnt * DAY_SECONDS * NANOSECONDS_PER_SECOND / elapsed_ns


def burn_per_day(series: Sequence[tuple[int, int]], idle_burn_per_day: int | None) -> float | None:
    """The observed burn, never below the idle burn that the network states; None when neither is known."""
    known = [burn for burn in (observed_burn_per_day(series), idle_burn_per_day) if burn is not None]
    return float(max(known)) if known else None


def runway_seconds(cycles: int | None, freezing_limit: int | None, burn: float | None) -> float | None:
    """Seconds to the freezing limit at that burn, 0 when it is reached; None when unknown or without end."""
    if cycles is None or freezing_limit is None or burn is None:
        return None
    above = cycles - freezing_limit
    if above <= 0:
        return 0.0
    return above / burn * DAY_SECONDS if burn > 0 else None
