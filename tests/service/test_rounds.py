"""The loop: it polls on time, alone, with patience, and others read along."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.clock import ManualClock
from quri_console.history import History
from quri_console.localnet.faults import DropBefore, FaultRule
from quri_console.monitor.fleet import FleetStatus
from quri_console.service.pace import Pace
from quri_console.service.rounds import Rounds
from quri_console.service.session import Session
from tests.support.watched import watched_network

SECOND = 1_000_000_000
INTERVAL = 'interval = "60s"\nround_deadline = "5s"'


class Watcher:
    """Rounds that run in a task, and the pictures they publish."""

    def __init__(self, session: Session) -> None:
        self.pictures: list[FleetStatus] = []
        self._news = asyncio.Event()
        self.rounds = Rounds(session, self._publish, chance=lambda: 0.5)
        self.task = asyncio.create_task(self.rounds.run())

    def _publish(self, fleet: FleetStatus) -> None:
        self.pictures.append(fleet)
        self._news.set()

    def shows(self, condition: Callable[[FleetStatus], bool]) -> bool:
        """Whether the newest picture satisfies `condition`."""
        return bool(self.pictures) and condition(self.pictures[-1])

    async def until(self, condition: Callable[[FleetStatus], bool]) -> FleetStatus:
        """The newest picture once it satisfies `condition`."""
        async with asyncio.timeout(20):
            while not self.shows(condition):
                self._news.clear()
                await self._news.wait()
        return self.pictures[-1]

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@asynccontextmanager
async def watching(session: Session) -> AsyncIterator[Watcher]:
    watcher = Watcher(session)
    try:
        yield watcher
    finally:
        await watcher.stop()


def seen(fleet: FleetStatus) -> bool:
    return all(view.sampled_at_ns is not None for view in fleet.canisters)


def seen_since(at_ns: int) -> Callable[[FleetStatus], bool]:
    return lambda fleet: all((view.sampled_at_ns or 0) >= at_ns for view in fleet.canisters)


def tried_since(at_ns: int) -> Callable[[FleetStatus], bool]:
    return lambda fleet: all((view.attempted_at_ns or 0) >= at_ns for view in fleet.canisters)


async def samples(session: Session) -> int:
    async with await History.open(session.config.paths.history) as history:
        return len(await history.samples("local", session.config.canisters[0].id))


class ObservedClock(ManualClock):
    """A manual clock that tells when somebody falls asleep on it."""

    def __init__(self) -> None:
        super().__init__()
        self._somebody_sleeps = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self._somebody_sleeps.set()
        await super().sleep(seconds)

    async def settled(self, sleepers: int) -> None:
        """Wait until that many tasks sleep on the clock."""
        async with asyncio.timeout(20):
            while self.sleeping < sleepers:
                self._somebody_sleeps.clear()
                await self._somebody_sleeps.wait()


async def test_it_shows_the_history_first_and_then_what_it_polled(tmp_path: Path) -> None:
    async with watched_network(tmp_path, monitor=INTERVAL) as watched, watching(watched.session) as watcher:
        fleet = await watcher.until(seen)
    assert not seen(watcher.pictures[0])
    assert [view.status for view in fleet.canisters] == ["running", "running"]


async def test_rounds_come_one_interval_apart(tmp_path: Path) -> None:
    clock = ObservedClock()
    async with watched_network(tmp_path, monitor=INTERVAL, clock=clock) as watched, watching(watched.session) as w:
        await w.until(seen)
        await clock.settled(1)
        for _ in range(3):
            await clock.advance(59)
            before = len(w.pictures)
            await clock.advance(1)
            await w.until(seen_since(clock.now_ns()))
            assert len(w.pictures) == before + 1
            await clock.settled(1)
        assert await samples(watched.session) == 4


async def test_a_young_history_is_not_polled_again_at_once(tmp_path: Path) -> None:
    clock = ObservedClock()
    async with watched_network(tmp_path, monitor=INTERVAL, clock=clock) as watched:
        async with watching(watched.session) as first:
            await first.until(seen)
        await clock.advance(20)
        async with watching(watched.session) as second:
            await second.until(seen)
            await clock.settled(1)
            assert await samples(watched.session) == 1
            await clock.advance(41)
            await second.until(seen_since(clock.now_ns()))


async def test_asking_starts_a_round_at_once(tmp_path: Path) -> None:
    clock = ObservedClock()
    async with watched_network(tmp_path, monitor=INTERVAL, clock=clock) as watched, watching(watched.session) as w:
        await w.until(seen)
        await clock.settled(1)
        await clock.advance(7)
        w.rounds.poll_now()
        w.rounds.poll_now()
        await w.until(seen_since(clock.now_ns()))
        await clock.settled(1)
        assert await samples(watched.session) == 2


async def test_a_bug_is_shown_and_does_not_end_the_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ObservedClock()
    async with watched_network(tmp_path, monitor=INTERVAL, clock=clock) as watched:
        with monkeypatch.context() as broken:
            broken.setattr("quri_console.monitor.sources.read.canister_status", _buggy)
            async with watching(watched.session) as watcher:
                fleet = await watcher.until(lambda fleet: bool(fleet.notice))
                await clock.settled(1)
                assert "quri-console itself failed: ZeroDivisionError" in fleet.notice
                broken.undo()
                watcher.rounds.poll_now()
                await watcher.until(seen)


async def _buggy(*_: object, **__: object) -> None:
    raise ZeroDivisionError("division by zero")


async def test_one_polls_and_the_other_reads_along(tmp_path: Path) -> None:
    clock = ObservedClock()
    async with (
        watched_network(tmp_path, monitor=INTERVAL, clock=clock) as watched,
        watching(watched.session) as leader,
    ):
        await leader.until(seen)
        async with watching(watched.session) as follower:
            await follower.until(seen)
            for _ in range(300):
                await clock.settled(2)
                await clock.advance(1)
            newest_ns = leader.pictures[-1].canisters[0].sampled_at_ns
            assert newest_ns is not None
            await clock.settled(2)
            await clock.advance(1)
            await follower.until(seen_since(newest_ns))
            # two pollers would have made ten
            assert await samples(watched.session) in (5, 6)


async def test_a_dead_leader_is_replaced_within_two_intervals(tmp_path: Path) -> None:
    clock = ObservedClock()
    async with watched_network(tmp_path, monitor=INTERVAL, clock=clock) as watched:
        async with watching(watched.session) as leader:
            await leader.until(seen)
        async with await History.open(watched.session.config.paths.history) as history:
            now_ns = clock.now_ns()
            await history.leases.acquire("poll:local", "somebody who died", now_ns=now_ns, seconds=120)
        async with watching(watched.session) as follower:
            await follower.until(seen)
            for _ in range(120):
                await clock.settled(1)
                await clock.advance(1)
            await follower.until(seen_since(now_ns + 119 * SECOND))


async def test_silence_is_answered_with_patience_and_ends_at_once(tmp_path: Path) -> None:
    clock = ObservedClock()
    async with watched_network(tmp_path, monitor=INTERVAL, clock=clock) as watched:
        rule = watched.net.faults.add(FaultRule(DropBefore(), count=None))
        async with watching(watched.session) as w:
            await w.until(lambda fleet: all(view.error for view in fleet.canisters))
            assert w.pictures[-1].canisters[0].health.level == "unknown"
            watched.net.faults.rules.remove(rule)
            w.rounds.poll_now()
            fleet = await w.until(seen)
            assert fleet.canisters[0].error is None


async def test_an_unusable_history_is_said_and_tried_again(tmp_path: Path) -> None:
    clock = ObservedClock()
    async with watched_network(tmp_path, monitor=INTERVAL, clock=clock) as watched:
        state = watched.session.config.paths.state
        state.parent.mkdir(parents=True)
        state.write_text("a file where the folder should be")
        async with watching(watched.session) as w:
            fleet = await w.until(lambda fleet: bool(fleet.notice))
            assert "cannot be used" in fleet.notice
            await clock.settled(1)
            state.unlink()
            await clock.advance(61)
            fleet = await w.until(seen)
            assert fleet.notice == ""


async def test_a_bad_key_is_said_and_ends_nothing(tmp_path: Path) -> None:
    async with watched_network(tmp_path, monitor=INTERVAL) as watched:
        pem = tmp_path / "controller.pem"
        pem.chmod(0o644)
        async with watching(watched.session) as w:
            fleet = await w.until(lambda fleet: bool(fleet.notice))
            assert "controller.pem" in fleet.notice
            pem.chmod(0o600)
            w.rounds.poll_now()
            await w.until(seen)


async def test_stopping_gives_the_duty_back(tmp_path: Path) -> None:
    async with watched_network(tmp_path, monitor=INTERVAL) as watched:
        async with watching(watched.session) as w:
            await w.until(seen)
        async with await History.open(watched.session.config.paths.history) as history:
            lease = await history.leases.acquire("poll:local", "next", now_ns=0, seconds=1)
    assert lease.holder == "next"


def test_delays_grow_only_with_silence(tmp_path: Path) -> None:
    from tests.support.fleets import config

    loaded = config(tmp_path)
    pace = Pace(Session(loaded, loaded.networks[0]), lambda: 0.5)
    delays = []
    for _ in range(6):
        delays.append(pace.delay_seconds())
        pace.ended(answered=False)
    assert delays == [60, 60, 120, 240, 300, 300]
    pace.ended(answered=True)
    assert pace.delay_seconds() == 60
    early = Pace(Session(loaded, loaded.networks[0]), lambda: 0.0)
    late = tuple(replace(canister, interval_seconds=1000.0) for canister in loaded.canisters)
    assert early.delay_seconds() == 54
    slow = Pace(Session(replace(loaded, canisters=late), loaded.networks[0]), lambda: 0.5)
    for _ in range(5):
        slow.ended(answered=False)
    assert slow.delay_seconds() == 1000


async def test_a_damaged_history_is_set_aside_and_the_watch_goes_on(tmp_path: Path) -> None:
    clock = ObservedClock()
    async with watched_network(tmp_path, monitor=INTERVAL, clock=clock) as watched:
        path = watched.session.config.paths.history
        async with watching(watched.session) as watcher:
            await watcher.until(seen)
        data = bytearray(path.read_bytes())
        data[100:140] = b"\xff" * 40
        path.write_bytes(data)
        async with watching(watched.session) as watcher:
            fleet = await watcher.until(lambda fleet: "the history was damaged" in fleet.notice)
        assert list(path.parent.glob("history.sqlite.damaged-*"))
        assert fleet.canisters
