"""The console while its network, its terminal or its SSH connection goes, on a real local network."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from quri_console.config import load_config
from quri_console.history import History
from quri_console.localnet.faults import Action, Delay, DropBefore, FaultRule
from tests.support.consoles import FLEET
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.pty_console import PtyConsole

pytestmark = pytest.mark.timeout(180)
TARGET = "local/rune-engine"


def opened(operator: Operator, *arguments: str) -> PtyConsole:
    return PtyConsole(["--config", str(operator.config), *arguments], columns=100, rows=30)


async def shows(console: PtyConsole, *texts: str, seconds: float = 60) -> str:
    """Wait for a screen without stopping the network, which lives in this loop."""
    return await asyncio.to_thread(console.wait_for, *texts, seconds=seconds)


async def asked_at(operator: Operator) -> int:
    """When the first canister was last asked, as the history has it."""
    async with await History.open(load_config(operator.config).paths.history) as history:
        return (await history.newest_samples("local", 2**62))[FLEET["rune-engine"]].at_ns


async def until(holds: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait for something that nobody tells of."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - another process has to do it
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("how", [DropBefore(), Delay(600)], ids=["refused", "swallowed"])
async def test_a_cut_network_is_told_with_its_next_try_and_comes_back(tmp_path: Path, how: Action) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        operator.edit('interval = "5s"', 'interval = "1s"')
        with opened(operator) as console:
            await shows(console, *FLEET, "running")
            rules = [operator.net.faults.add(FaultRule(how, route=route, count=None)) for route in ROUTES]
            await shows(console, "NO ANSWER from the network", "next try at", "running")
            assert console.process.poll() is None
            assert any(rule.applied for rule in rules)
            # its keys work meanwhile
            for key, text in (("3", "Nothing is stored yet"), ("5", "No operations yet"), ("1", "Seen")):
                console.press(key)
                await shows(console, text)
            operator.net.faults.clear()
            console.press("p")
            await until(lambda: "NO ANSWER" not in console.screen())
            console.press("q")
            await asyncio.to_thread(console.seconds_to_end)
            assert console.process.returncode == 0


ROUTES = ("call", "query", "read_state", "status")


async def test_a_stalled_terminal_stops_no_poll(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        operator.edit('interval = "5s"', 'interval = "1s"')
        with opened(operator) as console:
            await shows(console, *FLEET, "running")
            console.stall()
            for key in "12345?" * 20:
                console.press(key)
            rounds = {await asked_at(operator)}
            async with asyncio.timeout(60):
                while len(rounds) < 6:
                    await asyncio.sleep(0.1)
                    rounds.add(await asked_at(operator))
            console.go_on()
            await shows(console, "Quit")


@pytest.mark.parametrize("how", ["SIGHUP", "closed"])
async def test_an_operation_goes_on_when_the_connection_goes(tmp_path: Path, how: str) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        with opened(operator, "--canister", "rune-engine") as console:
            await shows(console, *FLEET, "running")
            console.press("b")
            await shows(console, f"Type {TARGET}")
            # so slow that the connection is gone long before the end
            rule = operator.net.faults.add(FaultRule(Delay(1), route="call", count=None))
            console.press(f"{TARGET}\r")
            await until(lambda: bool(rule.applied))
            if how == "SIGHUP":
                os.kill(console.process.pid, signal.SIGHUP)
            else:
                await asyncio.to_thread(console.hang_up)
            await asyncio.to_thread(console.seconds_to_end, at_most=3)
            assert operator.backups() == ()
        await until(lambda: bool(operator.backups()))
