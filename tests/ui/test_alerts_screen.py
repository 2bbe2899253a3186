"""The alerts view on a history in which something fires."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from quri_console.console import Console
from quri_console.ui.app import QuriApp
from quri_console.ui.options import Manner
from quri_console.ui.screens.alerts import AlertsScreen
from quri_console.ui.screens.fleet import FleetScreen
from quri_console.ui.screens.question import Question
from quri_console.ui.screens.runbook import RunbookScreen
from quri_console.ui.telling import desktop_message
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
        await until(pilot, "It is still acknowledged")
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


async def test_the_cursor_among_alerts_leaves_the_selected_canister_of_the_console_alone(tmp_path: Path) -> None:
    async with alarmed(tmp_path) as (_operator, pilot, screen):
        app = pilot.app
        assert isinstance(app, QuriApp)
        selected = app.selected_id
        table = screen.query_one(LineTable)
        others = [row.key for row in table.rows if selected is None or not row.key.startswith(selected)]
        table.select(others[-1])
        await pilot.pause()
        assert app.selected_id == selected
        assert screen.selected is not None
        assert screen.selected.canister_id == others[-1].partition("|")[0]
        # a page that was opened and closed leaves the cursor where it was
        await pilot.press("s", "escape")
        await pilot.pause()
        await app.workers.wait_for_complete()
        assert table.cursor_key == others[-1]
        await pilot.press("h")
        await pilot.pause()
        assert app.selected_id == others[-1].partition("|")[0]
        assert app.current_mode == "cycles"


async def test_the_runbook_opens_on_the_page_that_fits_the_alert_and_names_its_canister(tmp_path: Path) -> None:
    async with alarmed(tmp_path) as (_operator, pilot, screen):
        screen.query_one(LineTable).select(f"{REGISTRY}|stopped")
        await pilot.pause()
        assert "K opens the runbook: page stopped" in str(screen.query_one("#chosen", LinesView).render())
        await pilot.press("K")
        async with asyncio.timeout(60):
            while not (isinstance(pilot.app.screen, RunbookScreen) and pilot.app.screen.page == "stopped"):
                await pilot.pause(0.02)
        assert "for registry" in str(pilot.app.screen.query_one("#title").render())
        await pilot.press("escape")
        await pilot.pause()
        assert screen.query_one(LineTable).cursor_key == f"{REGISTRY}|stopped"


async def test_ending_one_of_two_mutes_says_that_the_other_holds(tmp_path: Path) -> None:
    async with alarmed(tmp_path) as (operator, pilot, screen):
        for verb, note in (("silence", "known"), ("ack", "mine")):
            done = await operator("alerts", verb, "registry", "--rule", "stopped", "--for", "1h", "--note", note)
            assert done.code == 0, done.errors
        screen.read()
        screen.query_one(LineTable).select(f"{REGISTRY}|stopped")
        async with asyncio.timeout(60):
            while "silenced, acked" not in shown(screen):
                await pilot.pause(0.02)
        await pilot.press("u")
        await until(pilot, "It is still silenced")
        async with asyncio.timeout(60):
            while "acked" in shown(screen):
                await pilot.pause(0.02)
        await pilot.press("u")
        await until(pilot, "It is sent again.")


async def test_the_bell_and_osc_9_tell_of_a_new_critical_alert_once_and_of_no_silenced_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    async with alarmed(tmp_path) as (operator, pilot, _screen):
        app = pilot.app
        assert isinstance(app, QuriApp)
        ui = replace(app.console_door.config.ui, bell=True, osc9=True)
        app.console_door.use_config(replace(app.console_door.config, ui=ui))
        rung: list[str] = []
        assert app._driver is not None
        monkeypatch.setattr(app, "bell", lambda: rung.append("bell"))
        monkeypatch.setattr(app._driver, "write", rung.append)

        async def looked_up(critical: set[str]) -> None:
            app.look_up_status()
            async with asyncio.timeout(60):
                while not app.status.looked_up or app.status.critical != critical:
                    await pilot.pause(0.02)

        # it fired before anybody looked
        await looked_up({"registry stopped"})
        assert rung == []
        await operator("alerts", "silence", "registry", "--for", "1h", "--note", "known")
        await looked_up(set())
        assert rung == []
        for mute in (await operator("alerts", "list", "--json")).json()["silences"]:
            await operator("alerts", "unsilence", str(mute["id"]))
        await looked_up({"registry stopped"})
        await looked_up({"registry stopped"})
        assert [text for text in rung if text == "bell" or "]9;" in text] == [
            "bell",
            "\x1b]9;quri-console: registry stopped\x07",
        ]


def test_a_message_of_the_desktop_is_harmless_and_goes_through_tmux() -> None:
    assert desktop_message("a\x1b\x07b", in_tmux=False) == "\x1b]9;a\\e\\x07b\x07"
    assert desktop_message("a", in_tmux=True) == "\x1bPtmux;\x1b\x1b]9;a\x07\x1b\\"
    assert len(desktop_message("x" * 10_000, in_tmux=False)) < 300
