"""A configuration, a clock of the test, and hosts that watch: what schedules do there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from quri_console.clock import ManualClock, utc_datetime
from quri_console.config import load_config
from quri_console.history import History
from quri_console.history.schedule_runs import ScheduleRun
from quri_console.service.schedule_loop import ScheduleLoop
from quri_console.service.schedule_process import Job, JobEnd
from quri_console.service.schedule_runs import Runner
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
CHANNEL = '[channels.ops]\nkind = "generic"\nurl_env = "OPS"\n'
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
    started: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: int = 0
    most_at_once: int = 0

    async def __call__(self, arguments: Sequence[str], job: Job) -> JobEnd:
        self.begun.append((when(self.clock.now_ns()), " ".join(arguments)))
        self.started.set()
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


async def messages(here: World) -> list[str]:
    async with await History.open(here.session.config.paths.history) as history:
        return [json.loads(message.document)["title"] for message in await history.outbox.newest(10)]
