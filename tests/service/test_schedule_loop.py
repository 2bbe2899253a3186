"""Schedules under a clock of the test: every slot is run when it should be, once, by one host, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quri_console.clock import ManualClock, utc_datetime
from quri_console.config import load_config
from quri_console.effects.lockdown import Lockdown, end_lockdown, put_lockdown
from quri_console.history import History
from quri_console.history.schedule_runs import ScheduleRun
from quri_console.service.schedule_jobs import run_reason
from quri_console.service.schedule_loop import ScheduleLoop
from quri_console.service.schedule_process import Job, JobEnd, JobFiles
from quri_console.service.schedule_runs import Runner, job_files
from quri_console.service.session import Session

SECOND = 1_000_000_000
FLEET = """
[networks.local]
url = "http://127.0.0.1:4943"
root_key = "fetch"
production = false
[paths]
root = "root"
[canisters.rune-engine]
id = "pkrpq-5qaaa-aaaah-aroda-cai"
criticality = "high"
[canisters.registry]
id = "pnqje-qiaaa-aaaah-arodq-cai"
criticality = "medium"
"""
DAILY = '[schedules.nightly]\njob = "verify"\ncron = "0 2 * * *"\n'


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def when(at_ns: int) -> str:
    return f"{utc_datetime(at_ns):%Y-%m-%d %H:%M:%S}"


class JumpingClock(ManualClock):
    """A manual clock whose wall time can be set without anybody having slept."""

    def jump(self, seconds: float) -> None:
        self._start_ns += round(seconds * SECOND)

    @property
    def next_seconds(self) -> float:
        """How long until the first sleeper wakes."""
        return max((self._sleepers[0][0] - self._elapsed_ns) / SECOND, 0.0)


@dataclass
class Jobs:
    """Stands for the processes of jobs: what was begun when, and how long each takes."""

    clock: JumpingClock
    takes: Callable[[str], float] = lambda _: 30.0
    ends: Callable[[str], JobEnd] = lambda _: JobEnd(0)
    begun: list[tuple[str, str]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def __call__(self, arguments: Sequence[str], job: Job) -> JobEnd:
        self.begun.append((when(self.clock.now_ns()), " ".join(arguments)))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        seconds = self.takes(job.files.schedule)
        try:
            await self.clock.sleep(min(seconds, job.deadline_seconds))
        finally:
            self.at_once -= 1
        return JobEnd(None) if seconds > job.deadline_seconds else self.ends(job.files.schedule)

    def times(self, command: str) -> list[str]:
        return [time for time, words in self.begun if words.startswith(command)]


@dataclass
class Host:
    loop: ScheduleLoop
    said: list[str]
    task: asyncio.Task[None]


class World:
    """A configuration, a clock, and hosts that watch."""

    def __init__(self, folder: Path, schedules: str, start: str) -> None:
        self.clock = JumpingClock(at(start))
        path = folder / "config.toml"
        path.write_text(FLEET + schedules)
        config = load_config(path)
        self.session = Session(config, config.networks[0], clock=self.clock)
        self.jobs = Jobs(self.clock)
        self.hosts: list[Host] = []
        self.bill = 0

    def host(self, look_seconds: float = 1800) -> Host:
        said: list[str] = []

        async def bill(*_: object) -> int:
            return self.bill

        runner = Runner(self.session, execute=self.jobs, bill=bill)
        loop = ScheduleLoop(self.session, lambda text, _: said.append(text), runner=runner, look_seconds=look_seconds)
        host = Host(loop, said, asyncio.create_task(loop.run()))
        self.hosts.append(host)
        return host

    async def until(self, text: str) -> None:
        """Let time pass; it moves only while every host and every job sleeps on it."""
        while True:
            await self.settled()
            left = (at(text) - self.clock.now_ns()) / SECOND
            if left <= self.clock.next_seconds:
                await self.clock.advance(max(left, 0.0))
                await self.settled()
                return
            await self.clock.advance(self.clock.next_seconds)

    async def settled(self) -> None:
        for _ in range(20_000):
            alive = [host for host in self.hosts if not host.task.done()]
            if self.clock.sleeping == len(alive) + sum(len(host.loop._runs) for host in alive):
                return
            await asyncio.sleep(0.0005)
        raise AssertionError("somebody does something else than sleep")

    async def end(self, host: Host) -> None:
        host.task.cancel()
        await asyncio.gather(host.task, return_exceptions=True)

    async def until_started_once(self) -> None:
        """A host that saw its schedules and ended."""
        host = self.host()
        await self.settled()
        await self.end(host)

    async def end_of_two_more(self) -> None:
        """Two more hosts, each ended after a minute."""
        for _ in range(2):
            host = self.host()
            await self.settled()
            await self.end(host)

    async def killed_run(self, schedule: str, slot_ns: int) -> None:
        """What a process leaves that was killed in the middle of a run."""
        (entry,) = [item for item in self.session.config.schedules.entries if item.name == schedule]
        run = ScheduleRun("local", schedule, slot_ns, 1, entry.cron, "watch", slot_ns)
        async with await History.open(self.session.config.paths.history) as history:
            assert await history.schedule_runs.claim(run)

    async def runs(self, schedule: str) -> list[ScheduleRun]:
        async with await History.open(self.session.config.paths.history) as history:
            return list(reversed(await history.schedule_runs.of("local", schedule, 100)))

    async def outcomes(self, schedule: str) -> list[tuple[str, str, str]]:
        return [(when(run.slot_ns), run.outcome, run.note) for run in await self.runs(schedule)]


@asynccontextmanager
async def world(folder: Path, schedules: str, start: str) -> AsyncIterator[World]:
    made = World(folder, schedules, start)
    try:
        yield made
    finally:
        for host in made.hosts:
            await made.end(host)


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


async def test_a_clock_set_back_repeats_nothing_and_misses_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, DAILY, "2025-01-01 00:00:00") as here:
        here.host()
        await here.until("2025-01-03 12:00:00")
        here.clock.jump(-86_400)
        await here.until("2025-01-05 12:00:00")
        slots = [slot for slot, outcome, _ in await here.outcomes("nightly") if outcome == "done"]
        assert slots == [f"2025-01-0{day} 02:00:00" for day in range(1, 6)]


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


async def test_a_job_that_hangs_is_ended_at_its_deadline_told_and_blocks_no_other(tmp_path: Path) -> None:
    both = DAILY + 'deadline = "2h"\n[schedules.other]\njob = "ready"\ncron = "30 2 * * *"\n'
    channel = '[channels.ops]\nkind = "generic"\nurl_env = "OPS"\n'
    async with world(tmp_path, both + channel, "2025-01-01 00:00:00") as here:
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
