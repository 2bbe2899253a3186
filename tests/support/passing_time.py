"""Lets a manual clock run while something waits on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Protocol, TypeVar

from quri_console.clock import ManualClock

Result = TypeVar("Result")


class Sleeping(Protocol):
    """Tells whether somebody sleeps."""

    @property
    def sleeping(self) -> int: ...


class OwnSleepers:
    """The time of `clock`, but only the sleepers that came through here count.

    A client and a network on one clock: time should pass for the client's waits, not while the network works.
    """

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.sleeping = 0

    def now_ns(self) -> int:
        return self._clock.now_ns()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        self.sleeping += 1
        try:
            await self._clock.sleep(seconds)
        finally:
            self.sleeping -= 1


async def while_time_passes(
    clock: ManualClock, work: Awaitable[Result], step_seconds: float = 0.25, *, sleepers: Sleeping | None = None
) -> Result:
    """The result of `work`; whenever one of `sleepers` sleeps (anybody, unless given), the clock goes on."""
    task = asyncio.ensure_future(work)
    while not task.done():
        # sockets need real time: give them some before time jumps again
        await asyncio.wait({task}, timeout=0.005)
        if (sleepers or clock).sleeping:
            await clock.advance(step_seconds)
    return await task
