"""Spark lines: a series as one short string of one style."""

from __future__ import annotations

from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_RAMP = "_.-=+*#@"
GAP = " "

Point = tuple[int, int]


def spark(
    series: Sequence[Point],
    width: int,
    *,
    since_ns: int | None = None,
    until_ns: int | None = None,
    ascii_only: bool = False,
) -> str:
    """The series of (time in ns, value), oldest first, drawn over [since, until] in `width` cells.

    Without bounds it spans from the first point to the last.

    A cell shows the last value in its slice of time; a slice without samples stays blank, because
    a line through it would claim knowledge. The lowest value is the lowest mark; a constant series
    is drawn at half height.
    """
    if width <= 0:
        return ""
    if not series:
        return GAP * width
    since_ns = series[0][0] if since_ns is None else since_ns
    until_ns = max(series[-1][0] if until_ns is None else until_ns, since_ns + 1)
    slots: list[int | None] = [None] * width
    for at_ns, value in series:
        if since_ns <= at_ns <= until_ns:
            slots[min((at_ns - since_ns) * width // (until_ns - since_ns), width - 1)] = value
    values = [value for value in slots if value is not None]
    if not values:
        return GAP * width
    ramp = ASCII_RAMP if ascii_only else BLOCKS
    low, span = min(values), max(values) - min(values)
    return "".join(GAP if value is None else _mark(value - low, span, ramp) for value in slots)


def _mark(above: int, span: int, ramp: str) -> str:
    # whole-number arithmetic: balances reach 10^38, where floats lose the differences
    return ramp[len(ramp) // 2 - 1] if span == 0 else ramp[above * (len(ramp) - 1) // span]
