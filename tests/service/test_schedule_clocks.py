"""Schedules and clocks that jump, are changed by the season, or belong to a host that slept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from quri_console.service.schedule_runs import Runner
from quri_console.service.schedules import run_schedule
from tests.support.schedule_world import DAILY, SECOND, at, world


async def test_jitter_is_steady_and_differs_from_slot_to_slot(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY + 'jitter = "1h"\n', "2025-01-01 00:00:00") as here:
        here.host()
        await here.until("2025-01-06 00:00:00")
        times = [time[11:] for time in here.jobs.times("check")]
    assert len(set(times)) == len(times) == 5
    assert all("02:00:00" <= time < "03:00:00" for time in times)


async def test_a_host_that_slept_two_days_catches_up_once_and_says_what_was_missed(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 00:00:00") as here:
        host = here.host()
        await here.until("2025-01-01 12:00:00")
        here.clock.jump(2 * 86_400)
        await here.until("2025-01-03 14:00:00")
        assert (await here.outcomes("nightly"))[1:] == [
            ("2025-01-03 02:00:00", "done", "caught up; 1 earlier slot was missed")
        ]
        assert any("caught up" in text for text in host.said)
        await here.until("2025-01-04 03:00:00")
        assert (await here.outcomes("nightly"))[2:] == [("2025-01-04 02:00:00", "done", "")]


async def test_a_watch_that_was_down_catches_up_once_when_it_is_started_again(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 00:00:00") as here:
        await here.until_started_once()
        here.clock.jump(5 * 86_400)
        here.host()
        await here.until("2025-01-06 01:30:00")
        assert await here.outcomes("nightly") == [
            ("2025-01-05 02:00:00", "done", "caught up; 4 earlier slots were missed")
        ]


async def test_a_clock_set_back_repeats_nothing_and_misses_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 00:00:00") as here:
        here.host()
        await here.until("2025-01-03 12:00:00")
        here.clock.jump(-86_400)
        await here.until("2025-01-05 12:00:00")
        slots = [slot for slot, outcome, _ in await here.outcomes("nightly") if outcome == "done"]
        assert slots == [f"2025-01-0{day} 02:00:00" for day in range(1, 6)]


async def test_a_clock_that_was_years_ahead_and_is_put_right_repeats_nothing_and_misses_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 00:00:00") as here:
        here.host()
        await here.until("2025-01-02 12:00:00")
        here.clock.jump(3 * 365 * 86_400)
        await here.until("2028-01-02 18:00:00")
        here.clock.jump(-3 * 365 * 86_400)
        await here.until("2025-01-05 12:00:00")
        times = here.jobs.times("check")
        assert [time[:10] for time in times if time < "2026"] == [f"2025-01-0{day}" for day in range(1, 6)]
        # what was missed is caught up with once, as after every jump ahead
        assert [time[:10] for time in times if time > "2026"] == ["2028-01-02"]


@pytest.fixture
def zurich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Zurich")
    time.tzset()
    yield
    monkeypatch.delenv("TZ")
    time.tzset()


@pytest.mark.usefixtures("zurich")
@pytest.mark.parametrize(("change", "offset"), [("2025-03-30", 1), ("2025-10-26", 2)])
async def test_where_clocks_are_put_forward_or_back_no_slot_is_left_out_or_run_twice(
    tmp_path: Path, change: str, offset: int
) -> None:
    """Lines around the hour that a local clock leaves out in spring (01:00 UTC) and has twice in autumn (00:00 UTC)."""
    lines = {"a": "30 0 * * *", "b": "30 1 * * *", "c": "30 2 * * *"}
    text = "".join(f'[schedules.{name}]\njob = "verify"\ncron = "{cron}"\n' for name, cron in lines.items())
    assert time.localtime(at(change) / SECOND).tm_hour == offset
    day = datetime.fromisoformat(change)
    async with world(tmp_path, text, f"{day - timedelta(days=1):%Y-%m-%d} 12:00:00") as here:
        here.host()
        await here.until(f"{day + timedelta(days=1):%Y-%m-%d} 12:00:00")
        assert here.jobs.times("check") == [
            f"{day + timedelta(days=number):%Y-%m-%d} 0{hour}:30:00" for number in (0, 1) for hour in range(3)
        ]


@pytest.mark.usefixtures("zurich")
async def test_a_crontab_that_asks_every_hour_runs_each_slot_once_when_clocks_change(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-03-28 12:00:00") as here:
        here.jobs.takes = lambda _: 0.0
        runner, began = Runner(here.session, execute=here.jobs), here.clock.now_ns()
        for hour in range(4 * 24):
            here.clock.jump((began - here.clock.now_ns()) / SECOND + hour * 3600)
            asked = asyncio.create_task(run_schedule(here.session, "nightly", if_due=True, runner=runner))
            while not asked.done():
                await here.clock.advance(0)
                await asyncio.sleep(0)
        assert here.jobs.times("check") == [f"2025-03-{day} 02:00:00" for day in (29, 30, 31)] + ["2025-04-01 02:00:00"]
