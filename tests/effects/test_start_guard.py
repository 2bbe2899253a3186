from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.clock import ManualClock, SystemClock
from quri_console.effects.guard import RENEW_SECONDS, GuardUnavailable, StartGuard, start_request
from quri_console.effects.perform import Effects
from quri_console.effects.start_guard import StartRequest, attempt, wait_for_parent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change
from quri_console.ic.prepared import perform
from quri_console.localnet.canister import Canister, RunState
from quri_console.localnet.faults import DropBefore, FaultRule, Refuse
from tests.support.guinea_pig import Laboratory, laboratory

LINE = '{"urls": ["http://127.0.0.1:9/x"], "envelope": "00ff", "expires_at": 5}\n'
NEWER = LINE.replace("00ff", "0102")

PARENT = """
import asyncio, json, sys
from quri_console.clock import ManualClock, SystemClock
from quri_console.effects.guard import StartGuard
from quri_console.effects.start_guard import StartRequest

async def main():
    guard = await StartGuard.arm(lambda: StartRequest.from_line(sys.argv[1]), SystemClock())
    print(guard.pid, flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Laboratory]:
    async with laboratory(tmp_path) as opened:
        yield opened


def _on_network(lab: Laboratory, canister: Principal) -> Canister:
    return lab.net.network.subnet.get(canister.bytes)


async def _runs(lab: Laboratory, canister: Principal) -> None:
    async with asyncio.timeout(30):
        while _on_network(lab, canister).run_state is not RunState.RUNNING:
            await lab.agent.status()


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _request(lab: Laboratory, effects: Effects, canister: Principal) -> str:
    request = effects._guard_request(canister)
    import json

    fields = {"urls": request.urls, "envelope": request.envelope.hex(), "expires_at": request.expires_at}
    return json.dumps(fields)


def test_the_newest_whole_line_counts_at_the_end_of_input() -> None:
    answers = io.StringIO()
    newest = wait_for_parent(io.StringIO(LINE + NEWER), answers)
    assert newest == StartRequest(("http://127.0.0.1:9/x",), b"\x01\x02", 5.0)
    assert answers.getvalue() == "armed\n"
    cut = wait_for_parent(io.StringIO(LINE + NEWER[:-20]), io.StringIO())
    assert cut is not None
    assert cut.envelope == b"\x00\xff"


@pytest.mark.parametrize("text", ["", "disarm\n", LINE + "disarm\n", LINE + NEWER + "disarm\n"])
def test_nothing_is_sent_when_disarmed_or_never_armed(text: str) -> None:
    assert wait_for_parent(io.StringIO(text), io.StringIO()) is None


def test_it_imports_nothing_that_takes_long(checkout: Path) -> None:
    text = "import sys, quri_console.effects.start_guard\nprint(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", text], cwd=checkout, capture_output=True, text=True, check=True)
    ours = {name for name in loaded.stdout.split() if name.startswith("quri_console")}
    assert ours == {"quri_console", "quri_console.effects", "quri_console.effects.start_guard"}
    assert not {"httpx", "cryptography", "cbor2", "asyncio", "wasmtime"} & set(loaded.stdout.split())


async def test_the_canister_starts_when_the_parent_is_killed(lab: Laboratory, checkout: Path) -> None:
    canister = await lab.create()
    await perform(lab.agent, change.stop_canister(canister))
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PARENT,
        _request(lab, lab.effects, canister),
        cwd=checkout,
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    await parent.stdout.readline()
    assert _on_network(lab, canister).run_state is RunState.STOPPED
    parent.kill()
    await parent.wait()
    await _runs(lab, canister)


async def test_a_disarmed_guard_sends_nothing(lab: Laboratory) -> None:
    canister = await lab.create()
    await perform(lab.agent, change.stop_canister(canister))
    guard = await StartGuard.arm(lambda: lab.effects._guard_request(canister), SystemClock())
    await guard.disarm()
    assert _on_network(lab, canister).run_state is RunState.STOPPED


async def test_it_tries_until_the_network_has_taken_it(lab: Laboratory) -> None:
    canister = await lab.create()
    await perform(lab.agent, change.stop_canister(canister))
    rules = [
        lab.net.faults.add(FaultRule(fault, route="call", method="start_canister", first=first))
        for first, fault in ((1, DropBefore()), (2, Refuse(503)), (3, Refuse(429)))
    ]
    guard = await StartGuard.arm(lambda: lab.effects._guard_request(canister), SystemClock())
    await guard.let_go()
    await _runs(lab, canister)
    assert [rule.applied for rule in rules] == [1, 1, 1]


async def test_a_network_without_the_newer_route_is_asked_on_the_older(lab: Laboratory) -> None:
    canister = await lab.create()
    await perform(lab.agent, change.stop_canister(canister))
    request = lab.effects._guard_request(canister)
    urls = (request.urls[0].replace("/api/v3/", "/api/v9/"), request.urls[1])
    older = start_request(urls, request.envelope, round(request.expires_at * 1e9))
    assert await asyncio.to_thread(attempt, older)
    await _runs(lab, canister)


async def test_effects_guard_every_stop_and_let_go_of_it_after_the_start(lab: Laboratory) -> None:
    canister = await lab.create()
    await lab.effects.stop_canister(canister)
    (guard,) = lab.effects._guards.values()
    assert _lives(guard.pid)
    await lab.effects.start_canister(canister)
    assert lab.effects._guards == {}
    assert not _lives(guard.pid)


async def test_effects_that_end_with_a_canister_stopped_leave_it_to_the_guard(lab: Laboratory) -> None:
    canister = await lab.create()
    await lab.effects.stop_canister(canister)
    await lab.effects.aclose()
    await _runs(lab, canister)


async def test_a_guard_that_was_killed_is_replaced_when_its_request_is_renewed(lab: Laboratory) -> None:
    canister = await lab.create()
    await perform(lab.agent, change.stop_canister(canister))
    clock = ManualClock()
    guard = await StartGuard.arm(lambda: lab.effects._guard_request(canister), clock)
    first = guard.pid
    os.kill(first, signal.SIGKILL)
    await asyncio.to_thread(os.waitpid, first, 0)
    async with asyncio.timeout(30):
        while not clock.sleeping:
            await lab.agent.status()
        await clock.advance(RENEW_SECONDS)
        while guard.pid == first or not clock.sleeping:
            await lab.agent.status()
    await guard.let_go()
    await _runs(lab, canister)


async def test_a_guard_that_cannot_be_replaced_is_tried_again_at_the_next_renewal(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    canister = await lab.create()
    await perform(lab.agent, change.stop_canister(canister))
    clock = ManualClock()
    guard = await StartGuard.arm(lambda: lab.effects._guard_request(canister), clock)
    first = guard.pid
    os.kill(first, signal.SIGKILL)
    await asyncio.to_thread(os.waitpid, first, 0)
    async with asyncio.timeout(30):
        with monkeypatch.context() as broken:
            broken.setattr(sys, "executable", "/bin/false")
            await _next_renewal(lab, clock)
        useless = guard.pid
        await _next_renewal(lab, clock)
    assert guard.pid != useless
    await guard.let_go()
    await _runs(lab, canister)


async def _next_renewal(lab: Laboratory, clock: ManualClock) -> None:
    """Let the guard wake, renew and go to sleep again."""
    while not clock.sleeping:
        await lab.agent.status()
    await clock.advance(RENEW_SECONDS)
    while not clock.sleeping:
        await lab.agent.status()


async def test_nothing_is_stopped_without_a_guard(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    canister = await lab.create()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(GuardUnavailable, match="is not there"):
        await lab.effects.stop_canister(canister)
    assert _on_network(lab, canister).run_state is RunState.RUNNING
    assert not [record for record in lab.effects.journal.records if record.event == "intent"]
