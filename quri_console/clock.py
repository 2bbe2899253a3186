"""Time comes in through a constructor, so that tests can move it."""

from __future__ import annotations

import heapq
import time
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    # imported where it is used: it takes longer than all else that a list of backups needs
    import asyncio

NANOSECONDS_PER_SECOND = 1_000_000_000


class Clock(Protocol):
    """Wall clock, steady clock and sleep of one machine."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970-01-01T00:00:00Z."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes backwards."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` on this clock."""


def utc_datetime(timestamp_ns: int) -> datetime:
    """The aware UTC datetime of a timestamp in nanoseconds since 1970 (rounded down to microseconds)."""
    seconds, nanoseconds = divmod(timestamp_ns, NANOSECONDS_PER_SECOND)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1000)


class SystemClock:
    """The machine's own clocks."""

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        import asyncio

        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that stands still until `advance` moves it; sleepers wake in order of their deadlines."""

    def __init__(self, now_ns: int = 1_750_000_000 * NANOSECONDS_PER_SECOND) -> None:
        self._start_ns = now_ns
        self._elapsed_ns = 0
        self._order = count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now_ns(self) -> int:
        return self._start_ns + self._elapsed_ns

    def monotonic(self) -> float:
        return self._elapsed_ns / NANOSECONDS_PER_SECOND

    async def sleep(self, seconds: float) -> None:
        import asyncio

        if seconds <= 0:
            await asyncio.sleep(0)
            return
        deadline_ns = self._elapsed_ns + round(seconds * NANOSECONDS_PER_SECOND)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (deadline_ns, next(self._order), future))
        await future

    @property
    def sleeping(self) -> int:
        """How many tasks wait on this clock now."""
        return sum(not future.done() for _, _, future in self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Move time forward, waking sleepers on the way and letting each run before the next."""
        import asyncio

        target_ns = self._elapsed_ns + round(seconds * NANOSECONDS_PER_SECOND)
        while self._sleepers and self._sleepers[0][0] <= target_ns:
            self._elapsed_ns, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
            for _ in range(10):
                await asyncio.sleep(0)
        self._elapsed_ns = target_ns
        await asyncio.sleep(0)
