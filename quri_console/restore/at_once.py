"""Doing the same for several canisters, or with several slices, at once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


async def in_parallel(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run all; the first failure ends the others, and is raised once they have ended."""
    tasks = [asyncio.create_task(part) for part in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def each_to_its_end(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Run all to their ends, whatever becomes of the others; then the first failure is raised, if there is one.

    An effect that was sent must be decided, so none is cancelled because another one failed.
    """
    if len(work) == 1:
        return [await work[0]]
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
