"""Slots that nobody ran, and runs that failed: people are told, by message, alert and `doctor`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from quri_console.history import History
from quri_console.service.after_round import AfterRound
from quri_console.service.schedule_health import examine_schedules, late_schedules
from quri_console.service.schedule_process import JobFiles
from quri_console.service.schedule_runs import Runner
from quri_console.service.schedules import run_schedule
from tests.support.schedule_world import CHANNEL, DAILY, SECOND, at, messages, world


async def test_people_are_told_of_slots_that_nobody_ran_and_of_no_other(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY + CHANNEL, "2025-01-01 00:00:00") as here:
        here.host()
        await here.until("2025-01-01 12:00:00")
        here.clock.jump(3 * 86_400)
        await here.until("2025-01-05 12:00:00")
        assert [outcome for _, outcome, _ in await here.outcomes("nightly")] == ["done"] * 3
        assert await messages(here) == ["Schedule nightly (verify) on local was not run 2 times"]


@pytest.mark.parametrize("in_watch", [True, False])
async def test_a_slot_that_nobody_runs_raises_an_alert_that_ends_when_it_was_run(
    tmp_path: Path, in_watch: bool
) -> None:
    text = f"[schedules]\nin_watch = {str(in_watch).lower()}\n{DAILY}"
    async with world(tmp_path, text, "2025-01-01 00:00:00") as here:
        if in_watch:
            await here.until_started_once()
        async with await History.open(here.session.config.paths.history) as history:
            # timers are seen for the first time: what they did not do before that is not known
            assert await late_schedules(here.session, history) == ()
            here.clock.jump((at("2025-01-01 02:09:00") - here.clock.now_ns()) / SECOND)
            assert await late_schedules(here.session, history) == ()
            here.clock.jump((at("2025-01-02 03:00:00") - here.clock.now_ns()) / SECOND)
            after = AfterRound(here.session)
            own = await after._own_health(history, here.clock.now_ns())
            assert [(finding.rule, finding.level, finding.text) for finding in own.findings] == [
                ("schedule-late", "warning", "nightly was not run: it is late by 1 h, and 1 before it was missed")
            ]
            diagnoses = [found async for found in examine_schedules(here.session, history)]
            assert [(found.level, found.text) for found in diagnoses] == [("critical", own.findings[0].text)]
            assert ("schedule install" in diagnoses[0].next_step, "watch" in diagnoses[0].next_step) == (True, in_watch)
            runner = Runner(here.session, execute=here.jobs)
            running = asyncio.create_task(run_schedule(here.session, "nightly", if_due=True, runner=runner))
            await here.jobs.started.wait()
            assert await late_schedules(here.session, history) == ()
            await here.clock.advance(60)
            assert await running is not None
            assert (await after._own_health(history, here.clock.now_ns())).findings == ()


async def test_a_job_that_hangs_is_ended_at_its_deadline_told_and_blocks_no_other(tmp_path: Path) -> None:
    both = DAILY + 'deadline = "2h"\n[schedules.other]\njob = "ready"\ncron = "30 2 * * *"\n'
    async with world(tmp_path, both + CHANNEL, "2025-01-01 00:00:00") as here:
        here.jobs.takes = lambda name: 1e9 if name == "nightly" else 30.0
        host = here.host()
        await here.until("2025-01-02 12:00:00")
        runs = await here.runs("nightly")
        assert [(run.outcome, run.ended_ns - run.at_ns) for run in runs if run.ended_ns] == [
            ("failed", 7_200 * SECOND)
        ] * 2
        assert "was not over after 2 h" in runs[0].note
        assert len(here.jobs.times("ready")) == 2
        assert any("failed" in text and "deadline" in text for text in host.said)
        async with await History.open(here.session.config.paths.history) as history:
            waiting = await history.outbox.newest(10)
        assert sorted("Schedule nightly (verify) on local failed" in message.document for message in waiting) == [
            True, True
        ]  # fmt: skip


async def test_a_history_that_cannot_be_written_puts_a_run_off_and_says_so(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 00:00:00") as here:
        host = here.host()
        await here.until("2025-01-01 01:00:00")
        folder = JobFiles(here.session.config.paths.state / "schedules", "local", "nightly").folder
        folder.write_text("no folder")
        await here.until("2025-01-01 03:00:00")
        assert here.jobs.begun == []
        assert any("schedule nightly: cannot use" in text for text in host.said)
        folder.unlink()
        await here.until("2025-01-01 04:00:00")
        assert [outcome for _, outcome, _ in await here.outcomes("nightly")] == ["done"]
