"""The service's thread: pictures come from it, and it ends within a second whatever hangs."""

import asyncio
import queue
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from quri_console.console import Console
from quri_console.localnet.canister import RunState
from quri_console.localnet.faults import Delay, FaultedRequest, FaultRule
from quri_console.monitor.fleet import FleetStatus
from quri_console.service.thread import ServiceThread
from tests.support.fleets import write_config
from tests.support.watched import watched_network
from tests.support.webhook_receiver import webhook_receiver

Pictures = queue.Queue[tuple[FleetStatus, str]]


def collecting() -> tuple[Pictures, object]:
    pictures: Pictures = queue.Queue()
    return pictures, lambda fleet: pictures.put((fleet, threading.current_thread().name))


@dataclass(slots=True)
class NoticedRule(FaultRule):
    """A fault that tells when it is first applied."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def applies(self, request: FaultedRequest) -> bool:
        due = FaultRule.applies(self, request)  # slots=True makes a new class, which super() does not know
        if due:
            self.arrived.set()
        return due


async def next_picture(pictures: Pictures) -> tuple[FleetStatus, str]:
    return await asyncio.to_thread(pictures.get, timeout=20)


async def test_pictures_come_from_its_own_thread(tmp_path: Path) -> None:
    pictures, publish = collecting()
    async with watched_network(tmp_path, monitor='interval = "1h"') as watched:
        handle = Console(watched.session).start_service(publish)
        try:
            first, name = await next_picture(pictures)
            while (await next_picture(pictures))[0].canisters[0].sampled_at_ns is None:
                pass
            handle.poll_now()
            again, _ = await next_picture(pictures)
        finally:
            await asyncio.to_thread(handle.stop)
    assert name == "quri-service"
    assert first.canisters[0].sampled_at_ns is None
    assert again.canisters[0].sampled_at_ns is not None


async def test_it_ends_within_a_second_with_calls_in_flight(tmp_path: Path) -> None:
    _, publish = collecting()
    async with watched_network(tmp_path) as watched:
        arrived = asyncio.Event()
        watched.net.faults.add(NoticedRule(Delay(3600), route="query", count=None, arrived=arrived))
        thread = ServiceThread(watched.session, publish).start()
        await asyncio.wait_for(arrived.wait(), 20)
        started = time.monotonic()
        await asyncio.to_thread(thread.stop)
        assert time.monotonic() - started < 1
        assert not thread.alive


async def test_it_ends_within_a_second_of_its_start(tmp_path: Path) -> None:
    _, publish = collecting()
    async with watched_network(tmp_path) as watched:
        thread = ServiceThread(watched.session, publish).start()
        started = time.monotonic()
        await asyncio.to_thread(thread.stop)
        assert time.monotonic() - started < 1


async def test_nothing_is_published_after_stop(tmp_path: Path) -> None:
    pictures, publish = collecting()
    async with watched_network(tmp_path) as watched:
        thread = ServiceThread(watched.session, publish).start()
        await next_picture(pictures)
        await asyncio.to_thread(thread.stop)
        while not pictures.empty():
            pictures.get()
        thread.poll_now()
        thread.stop()
        await asyncio.to_thread(thread._thread.join, 10)
    assert not thread.alive
    assert pictures.empty()


def test_the_first_picture_waits_for_no_network_module(tmp_path: Path) -> None:
    config_path = write_config(tmp_path)
    program = (
        "import queue, sys\n"
        "from pathlib import Path\n"
        "from quri_console.console import Console\n"
        "seen = queue.Queue()\n"
        f"console = Console.open(config_path=Path({str(config_path)!r}))\n"
        "handle = console.start_service(lambda fleet: seen.put((len(fleet.canisters), 'httpx' in sys.modules)))\n"
        "print(*seen.get(timeout=20))\n"
        "handle.stop()\n"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert finished.stdout == "2 False\n"


async def test_the_console_alone_tells_of_its_alerts(tmp_path: Path) -> None:
    _, publish = collecting()
    async with webhook_receiver() as receiver:
        secret = tmp_path / "hook.url"
        secret.write_text(receiver.url)
        secret.chmod(0o600)
        channel = '[channels.hook]\nkind = "generic"\nurl_file = "hook.url"\n'
        async with watched_network(tmp_path, count=1, monitor=f'interval = "1h"\n{channel}') as watched:
            watched.net.network.subnet.canisters[watched.canisters[0]].run_state = RunState.STOPPED
            handle = Console(watched.session).start_service(publish)
            try:
                await asyncio.wait_for(receiver.arrived.wait(), 20)
            finally:
                await asyncio.to_thread(handle.stop)
        rules = {alert["labels"]["alertname"] for alert in receiver.received[0].json()["alerts"]}
    assert "stopped" in rules
