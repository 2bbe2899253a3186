"""Lets a manual clock run while something waits on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from quri_console.clock import ManualClock

Result = TypeVar("Result")


async def while_time_passes(clock: ManualClock, work: Awaitable[Result], step_seconds: float = 0.25) -> Result:
    """The result of `work`; whenever something sleeps on the clock, the clock goes on."""
    task = asyncio.ensure_future(work)
    while not task.done():
        # sockets need real time: give them some before time jumps again
        await asyncio.wait({task}, timeout=0.005)
        if clock.sleeping:
            await clock.advance(step_seconds)
    return await task
