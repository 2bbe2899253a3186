"""Another network of the configuration, chosen in the console: it opens anew there, with nothing of the one before."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.consoles import FLEET
from tests.support.operator_command import operator_on_fleet
from tests.support.pty_console import PtyConsole

pytestmark = pytest.mark.timeout(180)
OTHER = '[networks.staging]\nurl = "http://127.0.0.1:9"\nroot_key = "fetch"\nproduction = true\n\n'


async def test_the_console_opens_anew_on_a_chosen_network_and_comes_back(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        operator.config.write_text(f"{operator.config.read_text()}\n{OTHER}")
        with PtyConsole(["--config", str(operator.config), "--read-only"], columns=100, rows=30) as console:

            async def shows(*texts: str) -> str:
                return await asyncio.to_thread(console.wait_for, *texts, seconds=60)

            await shows(*FLEET, "running")
            console.press("@")
            await shows("local (here)", "staging", "PRODUCTION", "http://127.0.0.1:9")
            console.press("\x1b")
            await shows("q Quit")
            console.press("@")
            await shows("local (here)", "staging")
            console.press("j\r")
            screen = await shows("PRODUCTION", "staging", "NO ANSWER from the network", "READ-ONLY")
            # no number of the other network is shown as one of this
            assert "running" not in screen
            console.press("@")
            await shows("staging (here)")
            console.press("k\r")
            await shows(*FLEET, "running", " local ", "READ-ONLY")
            console.press("q")
            await asyncio.to_thread(console.seconds_to_end)
            assert console.process.returncode == 0
