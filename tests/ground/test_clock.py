from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from quri_console.clock import ManualClock, utc_datetime


async def test_sleepers_of_a_manual_clock_wake_in_order_of_their_deadlines() -> None:
    clock = ManualClock()
    woken: list[str] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    tasks = [asyncio.create_task(sleeper("late", 20)), asyncio.create_task(sleeper("early", 10))]
    await asyncio.sleep(0)
    await clock.advance(15)
    assert woken == ["early"]
    assert clock.sleeping == 1
    await clock.advance(5)
    assert woken == ["early", "late"]
    await asyncio.gather(*tasks)


async def test_a_sleeper_that_sleeps_again_is_woken_within_the_same_advance() -> None:
    clock = ManualClock()
    ticks: list[float] = []

    async def ticker() -> None:
        for _ in range(3):
            await clock.sleep(10)
            ticks.append(clock.monotonic())

    task = asyncio.create_task(ticker())
    await asyncio.sleep(0)
    await clock.advance(30)
    assert ticks == [10, 20, 30]
    await task


def test_a_timestamp_becomes_an_aware_utc_datetime() -> None:
    assert utc_datetime(1_763_796_896_688_941_908) == datetime(2025, 11, 22, 7, 34, 56, 688941, tzinfo=UTC)
