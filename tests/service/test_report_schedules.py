"""What a report tells of schedules, out of what the loop that runs them really noted."""

from __future__ import annotations

from pathlib import Path

import pytest

from quri_console.config import load_config
from quri_console.effects.lockdown import Lockdown, put_lockdown
from quri_console.report.making import make_report
from quri_console.report.model import Report
from quri_console.report.schedule_rows import ScheduleRow
from quri_console.report.summary import summary
from quri_console.service.report_facts import report_facts
from quri_console.service.schedule_process import JobEnd
from quri_console.service.schedule_runs import Runner
from quri_console.service.schedules import run_schedule
from quri_console.service.session import Session
from tests.support.schedule_world import DAILY, FLEET, SECOND, World, at, world

DAY = 86_400.0


async def report(here: World, days: float = 5.0) -> Report:
    return make_report(await report_facts(here.session, since_seconds=days * DAY), "daily")


async def row(here: World, days: float = 5.0) -> ScheduleRow:
    (found,) = (await report(here, days)).schedules
    return found


def counts(found: ScheduleRow) -> tuple[int | None, int, int, int, int, int]:
    return found.planned, found.run, found.failed, found.skipped, found.late, found.not_begun


def told(found: ScheduleRow) -> list[tuple[str, str, int, str]]:
    return [(f"{item.slot:%d %H:%M}", item.what, item.times, item.why) for item in found.troubles]


async def test_runs_that_went_as_planned_are_counted_and_not_remarked(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 00:00:00") as here:
        here.host()
        await here.until("2025-01-04 12:00:00")
        found = await report(here, 2.0)
        assert [(counts(item), item.level, item.last_outcome) for item in found.schedules] == [
            ((2, 2, 0, 0, 0, 0), "ok", "done")
        ]
        assert "chedule" not in "".join(found.remarks)
        assert "chedule" not in summary(found).text


async def test_slots_that_a_sleeping_host_missed_and_the_late_one_that_it_made_up_for_are_told(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 00:00:00") as here:
        here.host()
        await here.until("2025-01-01 12:00:00")
        here.clock.jump(3 * DAY)
        await here.until("2025-01-05 12:00:00")
        found = await row(here)
        assert counts(found) == (5, 3, 0, 0, 1, 2)
        (missed, late) = told(found)
        assert missed == ("02 02:00", "not begun", 2, "nobody began it")
        assert late[:3] == ("04 02:00", "late", 1)
        assert late[3].startswith("begun 10 h")
        assert found.level == "warning", "the newest went well"


async def test_failures_and_a_lockdown_stand_in_the_headline_and_in_the_summary_with_why(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 00:00:00") as here:
        here.jobs.ends = lambda _: JobEnd(13, "Error: a chunk is damaged")
        here.host()
        await here.until("2025-01-02 12:00:00")
        put_lockdown(here.session.config.paths.state, Lockdown("INC-42", here.clock.now_ns(), "ann@ops"))
        await here.until("2025-01-04 12:00:00")
        made = await report(here)
        (found,) = made.schedules
        assert counts(found) == (4, 2, 2, 2, 0, 0)
        assert [(what, times) for _, what, times, _ in told(found)] == [("failed", 2), ("skipped", 2)]
        assert "a chunk is damaged" in found.troubles[0].why
        assert "INC-42" in found.troubles[1].why
        assert "Scheduled runs that failed: nightly (2)." in made.remarks
        assert "Scheduled runs that were skipped: nightly (2)." in made.remarks
        text = summary(made).text
        assert "Scheduled runs that failed: nightly (2)." in text
        assert "nightly of 2025-01-04 02:00 UTC, skipped: " in text


async def test_each_end_stands_in_one_of_two_reports_that_follow_each_other(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 00:00:00") as here:
        here.jobs.takes = lambda _: 3600.0
        here.jobs.ends = lambda _: JobEnd(1, "Error: no")
        here.host()
        found = []
        for day in (1, 2, 3):
            # each report is made while a run goes on, which ends in the next report's time
            await here.until(f"2025-01-0{day} 02:30:00")
            made = await row(here, 1.0)
            found.append((made.planned, made.run, made.failed, made.last_outcome))
        assert found == [(1, 0, 0, "running"), (1, 1, 1, "running"), (1, 1, 1, "running")]


@pytest.mark.parametrize(("until", "missing"), [("2025-01-02 02:09:00", 0), ("2025-01-02 02:11:00", 1)])
async def test_a_slot_is_not_begun_only_when_its_latest_time_is_over(tmp_path: Path, until: str, missing: int) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 12:00:00") as here:
        await here.until_started_once()
        here.clock.jump((at(until) - here.clock.now_ns()) / SECOND)
        found = await row(here)
        assert (found.planned, found.not_begun, found.last_outcome) == (1, missing, "")
        assert found.level == ("critical" if missing else "ok")


async def test_schedules_that_nobody_ever_looked_at_are_said_to_be_run_by_nobody(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 00:00:00") as here:
        made = await report(here)
        (found,) = made.schedules
        assert (found.planned, found.level) == (None, "unknown")
        assert "Schedules that nobody has run or looked at yet: nightly." in made.remarks


async def test_a_run_by_hand_is_none_of_the_planned_ones_and_makes_no_missed_slot_good(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 00:00:00") as here:
        await here.until_started_once()
        here.clock.jump(1.5 * DAY)
        here.jobs.takes = lambda _: 0.0
        done = await run_schedule(here.session, "nightly", runner=Runner(here.session, execute=here.jobs))
        assert done is not None
        found = await row(here)
        assert (*counts(found), found.by_hand) == (2, 1, 0, 0, 0, 2, 1)
        assert (found.last_outcome, found.level) == ("done", "warning")


async def test_slots_are_those_of_the_line_that_held_then_and_a_removed_schedule_keeps_its_runs(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 00:00:00") as here:
        host = here.host()
        await here.until("2025-01-02 12:00:00")
        await here.end(host)
        path = here.session.config.path
        path.write_text(FLEET + DAILY.replace("0 2 * * *", "0 2,14 * * *"))
        here.session = Session(load_config(path), here.session.network, clock=here.clock)
        assert counts(await row(here)) == (2, 2, 0, 0, 0, 0), "since when the new line holds is not known yet"
        here.host()
        await here.until("2025-01-03 12:00:00")
        assert counts(await row(here)) == (4, 4, 0, 0, 0, 0)
        path.write_text(FLEET)
        here.session = Session(load_config(path), here.session.network, clock=here.clock)
        found = await row(here)
        assert (found.state, found.job, found.run, found.not_begun, found.level) == ("gone", "", 4, 0, "")
        assert (await report(here, 0.25)).schedules == ()
