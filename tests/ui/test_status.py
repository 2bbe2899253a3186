"""The status line's look at alerts and lockdown: only when something was written, and never missing what was."""

from __future__ import annotations

from pathlib import Path

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
