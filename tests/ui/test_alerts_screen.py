"""The alerts view on a history in which something fires."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from quri_console.console import Console
from quri_console.ui.app import QuriApp
from quri_console.ui.options import Manner
from quri_console.ui.screens.alerts import AlertsScreen
from quri_console.ui.screens.fleet import FleetScreen
from quri_console.ui.screens.question import Question
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.lines_view import LinesView
from tests.cli.test_monitor import stop_registry
from tests.support.damaged_canister import CANISTER
from tests.support.operator_command import Operator, operator_on_fleet

REGISTRY = "pnqje-qiaaa-aaaah-arodq-cai"


@asynccontextmanager
async def alarmed(folder: Path) -> AsyncIterator[tuple[Operator, Pilot[int], AlertsScreen]]:
    """A console on a fleet whose registry was stopped, which a watch has noticed."""
    async with operator_on_fleet(folder) as operator:
        await stop_registry(operator)
        await operator("monitor", "--notify", "--quiet")
        app = QuriApp(Console.open(config_path=operator.config), manner=Manner(view="alerts"))
        async with app.run_test(size=(100, 30)) as pilot:
            async with asyncio.timeout(60):
                while app.fleet is None or not app.screen.query_one(LineTable).rows:
                    await pilot.pause(0.02)
            assert isinstance(app.screen, AlertsScreen)
            yield operator, pilot, app.screen


async def until(pilot: Pilot[int], word: str) -> None:
    async with asyncio.timeout(60):
        while not any(word in notice.message for notice in pilot.app.notices.all):  # type: ignore[attr-defined]
            await pilot.pause(0.02)


def shown(screen: AlertsScreen) -> str:
    table = screen.query_one(LineTable)
    return "\n".join(table.render_line(line).text for line in range(table.size.height))


async def test_a_stopped_canister_is_acknowledged_silenced_and_gone_to(tmp_path: Path) -> None:
    async with alarmed(tmp_path) as (operator, pilot, screen):
        screen.query_one(LineTable).select(f"{REGISTRY}|stopped")
        await pilot.pause()
        assert "critical firing" in shown(screen)
        assert "registry: stopped" in str(screen.query_one("#chosen", LinesView).render())
        await pilot.press("a")
        await pilot.pause()
        assert isinstance(pilot.app.screen, Question)
        await pilot.press(*"mine", "enter", "enter")
        await until(pilot, "Acknowledged")
        await pilot.press("s")
        await pilot.pause()
        pilot.app.screen.query(Input).first().value = "soon"
        await pilot.press("enter", "enter")
        await until(pilot, "is no time")
        await pilot.press("s", "enter", "enter")
        await until(pilot, "Silenced")
        mutes = (await operator("alerts", "list", "--json")).json()["silences"]
        assert {mute["kind"]: mute["note"] for mute in mutes} == {"ack": "mine", "silence": ""}
        async with asyncio.timeout(60):
            while "acked, silenced" not in shown(screen):
                await pilot.pause(0.02)
        await pilot.press("u")
        await until(pilot, "It is sent again.")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, FleetScreen)
        assert pilot.app.screen.query_one(LineTable).cursor_key == REGISTRY
        await pilot.press("a")
        async with asyncio.timeout(60):
            while not str(pilot.app.screen.query_one(LineTable).cursor_key).startswith(REGISTRY):
                await pilot.pause(0.02)


async def test_leaving_the_question_changes_nothing_and_the_past_can_be_read(tmp_path: Path) -> None:
    async with alarmed(tmp_path) as (operator, pilot, screen):
        screen.query_one(LineTable).select(f"{REGISTRY}|stopped")
        await pilot.press("s", "escape")
        assert pilot.app.screen is screen
        assert (await operator("alerts", "list", "--json")).json()["silences"] == []
        await pilot.press("o")
        await pilot.pause()
        assert "stopped firing" in str(screen.query_one("#chosen", LinesView).render())
        assert CANISTER.to_str() != REGISTRY
