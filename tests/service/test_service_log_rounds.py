"""What rounds leave in the service log, of `watch` and of a console: leases, failures; and what if it is unwritable."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from quri_console.clock import ManualClock
from quri_console.config.log import LogConfig
from quri_console.history import History, Sample
from quri_console.history.alerts import AlertEvent
from quri_console.monitor.fleet import FleetStatus
from quri_console.service.round_log import RoundLog
from quri_console.service.rounds import Rounds
from quri_console.service.session import Session
from quri_console.service.thread import ServiceThread
from quri_console.service_log.line import LogLine
from quri_console.service_log.reading import LogReader
from quri_console.service_log.writer import ServiceLog
from tests.support.consoles import console_without_network
from tests.support.watched import watched_network

SECOND = 1_000_000_000


def logging_session(session: Session, clock: ManualClock | None = None) -> Session:
    told: list[str] = []
    used = clock or session.clock
    log = ServiceLog(session.config.paths.logs, "watch", LogConfig(level="debug"), used, told.append)
    return replace(session, log=log, clock=used)


def lines(session: Session) -> list[LogLine]:
    return list(LogReader(session.config.paths.logs).lines())


def texts(session: Session) -> list[str]:
    return [f"{line.level} {line.text}" for line in lines(session)]


async def test_leases_that_are_won_lost_and_given_back_are_written(tmp_path: Path) -> None:
    clock = ManualClock()
    session = logging_session(console_without_network(tmp_path).session, clock)
    log = RoundLog(session)
    async with await History.open(session.config.paths.history) as history:

        async def take(holder: str) -> None:
            log.lease(await history.leases.acquire("poll:x", holder, now_ns=clock.now_ns(), seconds=10), "me")

        await take("other:1")
        await take("me")
        await clock.advance(11)
        await take("me")
        await take("me")
        await clock.advance(11)
        await take("other:2")
        log.released("me")
        await clock.advance(11)
        await take("me")
        log.released("me")
    network = session.network.name
    assert texts(session) == [
        f"info other:1 polls {network}; reading along",
        f"info polling {network} from here",
        f"warning lost the lease: other:2 polls {network} now",
        f"info polling {network} from here",
        f"info gave back the lease: nothing here polls {network} any more",
    ]


async def test_a_round_that_fails_is_counted_until_one_comes_through(tmp_path: Path) -> None:
    clock = ManualClock()
    session = logging_session(console_without_network(tmp_path).session, clock)
    canister = session.config.canisters[0]
    log = RoundLog(session)
    silent = Sample(canister.id, clock.now_ns(), error="the connection broke", error_kind="network")
    for _ in range(3):
        log.answered([silent])
        await clock.advance(30)
    log.answered([Sample(canister.id, clock.now_ns(), origin="query", status="running", cycles=1)])
    found = texts(session)
    assert found[0] == "error a round failed: no canister answered: the connection broke"
    assert found[1] == f"warning {canister.name} does not answer: the connection broke"
    assert "info rounds come through again, after 3 rounds that failed within 1 m 30 s" in found
    assert found[-1] == f"info {canister.name} answers again"


def test_alerts_are_written_by_their_level_and_pending_ones_only_for_debugging(tmp_path: Path) -> None:
    session = logging_session(console_without_network(tmp_path).session)
    canister = session.config.canisters[0]
    event = AlertEvent(canister.id, "stopped", 0, "firing", "critical", "it is stopped")
    log = RoundLog(session)
    log.alerts([replace(event, state="pending"), event, replace(event, state="resolved")])
    assert texts(session) == [
        f"debug {canister.name} stopped pending: it is stopped",
        f"error {canister.name} stopped firing: it is stopped",
        f"info {canister.name} stopped resolved: it is stopped",
    ]


async def test_two_that_watch_write_who_polls_and_the_second_takes_over(tmp_path: Path) -> None:
    async with watched_network(tmp_path, monitor='interval = "1s"\nround_deadline = "1s"') as watched:
        session = logging_session(watched.session)
        polled = asyncio.Event()
        first = Rounds(session, lambda _: None, round_ended=lambda _: polled.set())
        running = asyncio.create_task(first.run())
        await asyncio.wait_for(polled.wait(), 30)
        taken = asyncio.Event()
        second = Rounds(session, lambda _: None, round_ended=lambda _: taken.set())
        waiting = asyncio.create_task(second.run())
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.wait_for(taken.wait(), 30)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        found = [line.text for line in lines(session) if line.event == "lease"]
    assert found[0] == "polling local from here"
    assert "gave back the lease: nothing here polls local any more" in found


async def test_a_console_writes_its_log_and_says_with_the_fleet_when_it_cannot(tmp_path: Path) -> None:
    async with watched_network(tmp_path) as watched:
        session = watched.session
        logs = session.config.paths.logs
        logs.parent.mkdir(parents=True, exist_ok=True)
        logs.write_text("a file stands in the way")
        loop, said = asyncio.get_running_loop(), asyncio.Event()
        notices: list[str] = []

        def publish(fleet: FleetStatus) -> None:
            notices.append(fleet.notice)
            if "service log" in fleet.notice and fleet.canisters[0].sampled_at_ns is not None:
                loop.call_soon_threadsafe(said.set)

        service = ServiceThread(session, publish).start()
        await asyncio.wait_for(said.wait(), 30)
        await asyncio.to_thread(service.stop)
        assert any("cannot be written" in notice for notice in notices)
        await asyncio.to_thread(logs.unlink)
        polled = asyncio.Event()

        def publish_again(fleet: FleetStatus) -> None:
            if fleet.canisters[0].sampled_at_ns is not None:
                loop.call_soon_threadsafe(polled.set)

        again = ServiceThread(session, publish_again).start()
        await asyncio.wait_for(polled.wait(), 30)
        await asyncio.to_thread(again.stop)
        found = lines(session)
    assert [line.event for line in found][:2] == ["started", "configuration"]
    assert {line.process for line in found} == {"console"}
    assert found[-1].text.startswith("console ended")
