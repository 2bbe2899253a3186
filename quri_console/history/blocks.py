"""Stretches of samples added up, so that joining two stretches gives what adding up all their samples would."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from quri_console.history.samples import exact


class Interval(NamedTuple):
    """What happened between two samples in a row; a rise of the balance is a top-up and counts as no burn."""

    burnt: int
    burn_ns: int
    top_ups: int
    top_up_cycles: int


NOTHING = Interval(0, 0, 0, 0)


def interval(from_ns: int, before: int, to_ns: int, after: int) -> Interval:
    """The interval from one balance to the next."""
    if after > before:
        return Interval(0, 0, 1, after - before)
    return Interval(before - after, to_ns - from_ns, 0, 0)


@dataclass(frozen=True, slots=True)
class Block:
    """At least one balance, and the sums over the intervals between its own samples."""

    samples: int
    first_ns: int
    last_ns: int
    first_cycles: int
    last_cycles: int
    min_cycles: int
    max_cycles: int
    inner: Interval
    idle_burn_per_day: int | None
    memory_bytes: int | None


def single(row: sqlite3.Row) -> Block:
    """The block of one sample: at_ns, cycles, idle_burn_per_day, memory_bytes as they are stored."""
    at_ns, stored_cycles, idle, memory_bytes = row
    cycles = exact(stored_cycles)
    assert cycles is not None
    return Block(1, at_ns, at_ns, cycles, cycles, cycles, cycles, NOTHING, exact(idle), memory_bytes)


def fold(blocks: Iterable[Block]) -> Block:
    """One block of several that follow each other in time."""
    several = tuple(blocks)
    first, last = several[0], several[-1]
    burnt = burn_ns = top_ups = top_up_cycles = 0
    previous: Block | None = None
    for block in several:
        between = crossing(previous, block) if previous is not None else NOTHING
        burnt += between.burnt + block.inner.burnt
        burn_ns += between.burn_ns + block.inner.burn_ns
        top_ups += between.top_ups + block.inner.top_ups
        top_up_cycles += between.top_up_cycles + block.inner.top_up_cycles
        previous = block
    return Block(
        samples=sum(block.samples for block in several),
        first_ns=first.first_ns,
        last_ns=last.last_ns,
        first_cycles=first.first_cycles,
        last_cycles=last.last_cycles,
        min_cycles=min(block.min_cycles for block in several),
        max_cycles=max(block.max_cycles for block in several),
        inner=Interval(burnt, burn_ns, top_ups, top_up_cycles),
        idle_burn_per_day=_newest(block.idle_burn_per_day for block in reversed(several)),
        memory_bytes=_newest(block.memory_bytes for block in reversed(several)),
    )


def crossing(earlier: Block, later: Block) -> Interval:
    """The interval between two blocks that follow each other."""
    return interval(earlier.last_ns, earlier.last_cycles, later.first_ns, later.first_cycles)


def absorb(whole: Block, late: Iterable[Block]) -> Block:
    """A block whose samples are gone, and samples that came late.

    What falls between its first and last sample splits an interval that cannot be found any more; the burn
    over both parts is the same, so only the extremes are taken from it.
    """
    before, after = [], []
    for block in late:
        if block.last_ns < whole.first_ns:
            before.append(block)
        elif block.first_ns > whole.last_ns:
            after.append(block)
        else:
            low, high = min(whole.min_cycles, block.min_cycles), max(whole.max_cycles, block.max_cycles)
            whole = replace(whole, min_cycles=low, max_cycles=high)
    return fold((*before, whole, *after))


def _newest(values: Iterable[int | None]) -> int | None:
    return next((value for value in values if value is not None), None)
