"""`watch` as a service: killed at any moment it forgets no alert, told to end it ends, two of them poll once."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from quri_console.config import load_config
from quri_console.history import History
from tests.cli.test_monitor import set_up, stop_registry
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.webhook_receiver import Receiver, webhook_receiver

MORE = """[alerts]
wait = "0s"
group_wait = "0s"
group_interval = "1s"
keep_firing = "0s"
[channels.hook]
kind = "generic"
url_file = "hook.url"
"""


@asynccontextmanager
async def alerted_operator(folder: Path) -> AsyncIterator[tuple[Operator, Receiver]]:
    """An operator whose alerts go to a receiver at once."""
    async with operator_on_fleet(folder) as operator, webhook_receiver() as receiver:
        secret = folder / "hook.url"
        secret.write_text(receiver.url)
        secret.chmod(0o600)
        set_up(operator, MORE)
        operator.edit('interval = "5s"', 'interval = "1s"')
        yield operator, receiver


async def told(receiver: Receiver, rule: str, status: str) -> None:
    """Wait until an alert of `rule` has been received."""
    while (rule, status) not in alerts(receiver):
        receiver.arrived.clear()
        await receiver.arrived.wait()


def alerts(receiver: Receiver) -> list[tuple[str, str]]:
    documents: list[dict[str, Any]] = [request.json() for request in receiver.received]
    return [(alert["labels"]["alertname"], alert["status"]) for found in documents for alert in found["alerts"]]


async def ended(process: asyncio.subprocess.Process, number: signal.Signals) -> tuple[int, str, str]:
    process.send_signal(number)
    output, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def test_a_stopped_canister_is_told_of_and_so_is_its_return(tmp_path: Path) -> None:
    async with alerted_operator(tmp_path) as (operator, receiver):
        process = await operator.start("watch", "--json")
        await stop_registry(operator)
        async with asyncio.timeout(30):
            await told(receiver, "stopped", "firing")
            await stop_registry(operator, stopped=False)
            await told(receiver, "stopped", "resolved")
        code, output, errors = await ended(process, signal.SIGTERM)
    assert (code, errors) == (0, "")
    notices = [json.loads(line) for line in output.splitlines()]
    assert notices[0]["kind"] == "started"
    assert notices[-1]["kind"] == "ended"
    assert any("controls" in notice["text"] for notice in notices), "polling with a controller's key is said"
    states = [notice["text"].split(":")[0] for notice in notices if notice["kind"] == "alert"]
    assert "registry stopped firing" in states
    assert "registry stopped resolved" in states


async def test_a_watch_killed_at_any_moment_forgets_no_alert_and_repeats_none_under_another_key(tmp_path: Path) -> None:
    chance = random.Random(5)
    async with alerted_operator(tmp_path) as (operator, receiver):
        await stop_registry(operator)
        for _ in range(4):
            process = await operator.start("watch")
            await asyncio.sleep(0.5 + chance.random() * 1.5)
            process.kill()
            await process.wait()
        process = await operator.start("watch")
        async with asyncio.timeout(30):
            await told(receiver, "stopped", "firing")
        # a moment in which a second message would come
        await asyncio.sleep(2)
        await ended(process, signal.SIGINT)
    first = [request.key for request in receiver.received if ("stopped", "firing") in alerts_of(request.json())]
    assert len(set(first)) == 1, "the same alert is told under one key"


async def appeared(path: Path) -> None:
    for _ in range(100):
        if await asyncio.to_thread(path.exists):
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(path.name)


def alerts_of(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(alert["labels"]["alertname"], alert["status"]) for alert in document["alerts"]]


async def test_two_watches_poll_once_and_the_second_takes_over(tmp_path: Path) -> None:
    async with alerted_operator(tmp_path) as (operator, _):
        # a lease outlasts a round: two seconds after the leader's death somebody else leads
        operator.edit('[monitor]\ninterval = "1s"', '[monitor]\ninterval = "1s"\nround_deadline = "1s"')
        first = await operator.start("watch")
        second = await operator.start("watch")
        await asyncio.sleep(4)
        before = await _samples(operator)
        first.kill()
        await first.wait()
        await asyncio.sleep(5)
        after = await _samples(operator)
        await ended(second, signal.SIGTERM)
    assert 2 <= before <= 6, "two pollers would have made about twice as many"
    assert after > before


async def _samples(operator: Operator) -> int:
    config = load_config(operator.config)
    async with await History.open(config.paths.history) as history:
        return len(await history.samples("local", config.canister("registry").id))


async def test_metrics_are_served_and_written_while_it_watches(tmp_path: Path) -> None:
    import httpx

    async with alerted_operator(tmp_path) as (operator, _):
        operator.edit("[alerts]\n", '[monitor.metrics]\nlisten = "127.0.0.1:0"\ntextfile = "quri.prom"\n[alerts]\n')
        process = await operator.start("watch", "--json")
        assert process.stdout is not None
        port = 0
        async with asyncio.timeout(20):
            while not port:
                notice = json.loads(await process.stdout.readline())
                if "metrics" in notice["text"]:
                    port = int(notice["text"].rsplit(":", 1)[1])
            async with httpx.AsyncClient() as client:
                text = ""
                while "quri_canister_up" not in text:
                    text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
                    await asyncio.sleep(0.1)
            await appeared(tmp_path / "quri.prom")
        await ended(process, signal.SIGTERM)
    assert "quri_canister_cycles" in (tmp_path / "quri.prom").read_text()


@pytest.mark.parametrize("what", ["monitor.metrics"])
async def test_a_port_that_is_taken_is_said_at_once(tmp_path: Path, what: str) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, operator_on_fleet(tmp_path) as operator:
        set_up(operator, f'[{what}]\nlisten = "127.0.0.1:{port}"\n')
        found = await operator("watch")
    assert found.code == 1
    assert str(port) in found.errors
