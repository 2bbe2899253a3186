"""The status line's look at alerts and lockdown: only when something was written, and never missing what was."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from quri_console.history import History
from quri_console.history.alerts import AlertChange, AlertRow
from quri_console.ui.status import StatusLook
from tests.support.consoles import console_without_network
from tests.support.fleets import RUNE

FIRING = AlertRow(RUNE, "frozen", "firing", "critical", 5, "{}")


async def test_nothing_is_looked_up_again_until_something_was_written(tmp_path: Path) -> None:
    console = console_without_network(tmp_path)
    async with await History.open(console.config.paths.history):
        look = StatusLook(console)
        first = await look.newest()
        assert first is not None
        assert not first.firing
        assert await look.newest() is None
        console.lockdown_on("an exercise")
        locked = await look.newest()
        assert locked is not None
        assert locked.lockdown
        assert await look.newest() is None


async def test_an_alert_of_another_process_is_seen(tmp_path: Path) -> None:
    console = console_without_network(tmp_path)
    async with await History.open(console.config.paths.history) as history:
        look = StatusLook(console)
        await look.newest()
        assert await look.newest() is None
        async with history.alerts.changing("local") as alerts:
            await alerts.save(AlertChange("now", (FIRING,)))
        seen = await look.newest()
    assert seen is not None
    assert seen.firing == 1


async def test_a_look_that_was_given_up_half_way_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = console_without_network(tmp_path)
    async with await History.open(console.config.paths.history):
        look = StatusLook(console)
        with monkeypatch.context() as patched:
            patched.setattr("quri_console.ui.status.off_loop", _never)
            given_up = asyncio.ensure_future(look.newest())
            await asyncio.sleep(0)
            given_up.cancel()
            await asyncio.gather(given_up, return_exceptions=True)
        assert await look.newest() is not None


async def test_alerts_that_could_not_be_read_are_looked_up_again(tmp_path: Path) -> None:
    console = console_without_network(tmp_path)
    console.config.paths.history.parent.mkdir(parents=True, exist_ok=True)
    console.config.paths.history.mkdir()
    look = StatusLook(console)
    first = await look.newest()
    assert first is not None
    assert not first.looked_up
    assert await look.newest() is not None


async def _never(make: Callable[[], Awaitable[object]]) -> None:
    await asyncio.Event().wait()
