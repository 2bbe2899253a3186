"""Waiting for an answer no longer than a clock says."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from quri_console.clock import Clock
from quri_console.errors import NetworkError
from quri_console.units import format_duration

T = TypeVar("T")


class NoAnswerInTime(NetworkError):
    """Nothing came within the time that was allowed."""


async def answered_within(work: Coroutine[Any, Any, T], clock: Clock, seconds: float) -> T:
    """What `work` comes to; it is cancelled after so long. Raises NoAnswerInTime, and what `work` raises."""
    working = asyncio.ensure_future(work)
    deadline = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((working, deadline), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise NoAnswerInTime(f"There was no answer within {format_duration(seconds)}")
        return working.result()
    finally:
        for task in (working, deadline):
            task.cancel()
        await asyncio.gather(working, deadline, return_exceptions=True)
