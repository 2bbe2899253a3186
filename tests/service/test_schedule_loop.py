"""Schedules under a clock of the test: every slot is run when it should be, once, by one host, whatever happens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quri_console.config import load_config
from quri_console.effects.lockdown import Lockdown, end_lockdown, put_lockdown
from quri_console.service.schedule_jobs import run_reason
from quri_console.service.schedule_runs import job_files
from tests.support.schedule_world import DAILY, FLEET, at, world


async def test_in_a_month_with_a_leap_day_every_job_is_run_when_it_should_be(tmp_path: Path) -> None:
    async with world(tmp_path, "[schedules]\nenabled = true\n", "2024-02-01 00:00:30") as here:
        here.host()
        await here.until("2024-03-02 00:00:00")
        days = [f"{datetime(2024, 2, 1, tzinfo=UTC) + timedelta(days=day):%Y-%m-%d}" for day in range(30)]
        assert "2024-02-29" in days
        high = here.jobs.times("backup rune-engine")
        assert [time[:10] for time in high] == days
        assert all("02:00:00" <= time[11:] <= "02:05:00" for time in high)
        assert [time[:10] for time in here.jobs.times("backup registry")] == [
            "2024-02-04", "2024-02-11", "2024-02-18", "2024-02-25"
        ]  # fmt: skip
        assert [time[:10] for time in here.jobs.times("rehearse")] == ["2024-02-15"]
        assert [time[:10] for time in here.jobs.times("check")] == [
            "2024-02-05", "2024-02-12", "2024-02-19", "2024-02-26"
        ]  # fmt: skip
        assert len(here.jobs.times("ready")) == len(days)
        assert len(here.jobs.times("forget")) == len(here.jobs.times("prune")) == 4
        assert {run.outcome for name in ("backup-high", "ready", "retention") for run in await here.runs(name)} == {
            "done"
        }


async def test_a_new_schedule_or_another_cron_line_makes_up_for_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 12:00:00") as here:
        await here.until_started_once()
        changed = DAILY.replace("0 2 * * *", "0 11 * * *")
        (tmp_path / "config.toml").write_text(FLEET + changed)
        config = load_config(tmp_path / "config.toml")
        here.session = replace(here.session, config=config)
        here.host()
        await here.until("2025-01-02 12:00:00")
        assert await here.outcomes("nightly") == [("2025-01-02 11:00:00", "done", "")]


async def test_of_two_hosts_one_runs_and_the_other_takes_over_when_it_is_gone(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 00:00:00") as here:
        first = here.host(120)
        await here.settled()
        second = here.host(120)
        await here.until("2025-01-03 00:00:00")
        assert (first.loop.leads, second.loop.leads) == (True, False)
        assert len(here.jobs.times("check")) == 2
        assert second.said == []
        await here.end(first)
        await here.until("2025-01-04 00:00:00")
        assert second.loop.leads
        assert [time[:10] for time in here.jobs.times("check")] == ["2025-01-01", "2025-01-02", "2025-01-03"]


async def test_a_job_that_takes_too_long_is_never_run_beside_itself(tmp_path: Path) -> None:
    hourly = '[schedules.hourly]\njob = "verify"\ncron = "0 * * * *"\n'
    async with world(tmp_path, hourly, "2025-01-01 00:30:00") as here:
        here.jobs.takes = lambda _: 5_400.0
        here.host()
        await here.until("2025-01-01 04:59:00")
        assert here.jobs.most_at_once == 1
        assert [(slot[11:16], outcome) for slot, outcome, _ in await here.outcomes("hourly")] == [
            ("01:00", "done"), ("02:00", "skipped"), ("03:00", "done"), ("04:00", "skipped")
        ]  # fmt: skip
        assert (await here.outcomes("hourly"))[1][2] == "the last run of hourly still goes on"


async def test_a_run_whose_watch_ended_half_way_is_tried_once_more(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 00:00:00") as here:
        here.jobs.takes = lambda _: 3_600.0
        first = here.host()
        await here.until("2025-01-01 02:10:00")
        await here.end(first)
        await here.end_of_two_more()
        outcomes = await here.outcomes("nightly")
        assert [(slot, outcome) for slot, outcome, _ in outcomes] == [
            ("2025-01-01 02:00:00", "interrupted"), ("2025-01-01 02:00:00", "interrupted")
        ]  # fmt: skip
        assert outcomes[1][2].startswith("tried again")


async def test_a_run_whose_process_was_killed_is_found_told_and_tried_once_more(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 03:00:00") as here:
        await here.killed_run("nightly", at("2025-01-01 02:00:00"))
        here.host()
        await here.until("2025-01-01 04:00:00")
        assert await here.outcomes("nightly") == [
            ("2025-01-01 02:00:00", "interrupted", "the process that ran it is gone"),
            ("2025-01-01 02:00:00", "done", "tried again"),
        ]


async def test_a_run_that_outlived_its_watch_is_waited_for_and_not_begun_again(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 03:00:00") as here:
        await here.killed_run("nightly", at("2025-01-01 02:00:00"))
        with job_files(here.session, "nightly").held():
            here.host()
            await here.until("2025-01-01 04:00:00")
            assert here.jobs.begun == []
        await here.until("2025-01-01 06:00:00")
        assert [outcome for _, outcome, _ in await here.outcomes("nightly")] == ["interrupted", "done"]


async def test_lockdown_skips_and_says_so_and_what_it_skipped_is_not_made_up_for(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 00:00:00") as here:
        here.host()
        put_lockdown(here.session.config.paths.state, Lockdown("INC-42", here.clock.now_ns(), "ann@ops"))
        await here.until("2025-01-02 12:00:00")
        end_lockdown(here.session.config.paths.state)
        await here.until("2025-01-03 12:00:00")
        assert [(slot[:10], outcome) for slot, outcome, _ in await here.outcomes("nightly")] == [
            ("2025-01-01", "skipped"), ("2025-01-02", "skipped"), ("2025-01-03", "done")
        ]  # fmt: skip
        assert "INC-42" in (await here.outcomes("nightly"))[0][2]
        assert len(here.jobs.begun) == 1


async def test_backups_stop_where_the_day_s_cycles_are_spent_and_go_on_the_next_day(tmp_path: Path) -> None:
    text = '[schedules]\nmax_cycles_per_day = "1T"\n[schedules.b]\njob = "backup"\ncron = "0 */8 * * *"\n'
    async with world(tmp_path, text, "2025-01-01 00:30:00") as here:
        here.bill = 600_000_000_000
        here.host()
        await here.until("2025-01-02 01:00:00")
        assert [(slot[8:16], outcome) for slot, outcome, _ in await here.outcomes("b")] == [
            ("01 08:00", "done"), ("01 16:00", "skipped"), ("02 00:00", "done")
        ]  # fmt: skip
        assert "max_cycles_per_day" in (await here.outcomes("b"))[1][2]


@pytest.mark.parametrize("permit", [False, True])
async def test_production_is_backed_up_unattended_only_with_a_written_permit(tmp_path: Path, permit: bool) -> None:
    text = f"[schedules]\nproduction = {str(permit).lower()}\n"
    text += '[schedules.b]\njob = "backup"\ncron = "0 2 * * *"\ncriticality = "high"\n'
    async with world(tmp_path, text, "2025-01-01 00:00:00") as here:
        here.session = replace(here.session, network=replace(here.session.network, production=True))
        here.host()
        await here.until("2025-01-01 03:00:00")
        if permit:
            reason = run_reason(
                here.session.config, here.session.config.schedules.entries[0], at("2025-01-01 02:00:00")
            )
            words = f"backup rune-engine --force --confirm local/rune-engine --reason {reason} --json"
            assert [command for _, command in here.jobs.begun] == [words]
        else:
            assert here.jobs.begun == []
            assert "production = true" in (await here.outcomes("b"))[0][2]
