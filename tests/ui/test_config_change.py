"""A configuration that is changed while the console runs on the embedded network, and a console that is killed."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from quri_console.console import Console
from quri_console.ui.app import QuriApp
from quri_console.ui.screens.fleet import FleetScreen
from quri_console.ui.screens.help import HelpScreen
from quri_console.ui.screens.remedy import RemedyScreen
from quri_console.ui.session_state import FILE_NAME, SessionState
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.typed_confirmation import TypedConfirmation
from tests.support.consoles import FLEET, console_without_network
from tests.support.operator_command import Operator, operator_on_fleet
from tests.ui.test_fleet_screen import FOUR, show


async def until(pilot: Pilot[int], holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(90):
        while not holds():
            await pilot.pause(0.02)


def said(app: QuriApp, words: str) -> bool:
    return any(words in notice.message for notice in app.notices.all)


@asynccontextmanager
async def on_network(folder: Path) -> AsyncIterator[tuple[Operator, Pilot[int], QuriApp]]:
    async with operator_on_fleet(folder) as operator:
        app = QuriApp(Console.open(config_path=operator.config))
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda: answered(app) == 4)
            yield operator, pilot, app


def answered(app: QuriApp) -> int:
    return 0 if app.fleet is None else sum(view.cycles is not None for view in app.fleet.canisters)


def levels(app: QuriApp) -> set[str]:
    return set() if app.fleet is None else {view.health.level for view in app.fleet.canisters}


async def test_thresholds_and_the_fleet_hold_at_once_and_the_selection_stays(tmp_path: Path) -> None:
    async with on_network(tmp_path) as (operator, pilot, app):
        await pilot.press("down")
        await pilot.pause()
        selected, service = app.selected_id, app._service
        text = operator.config.read_text()
        name = next(view.name for view in app.fleet.canisters if view.canister_id != selected)  # type: ignore[union-attr]
        changed = text.replace(f"[canisters.{name}]", "[canisters.renamed]") + '\n[alerts]\nwait = "3s"\n'
        operator.config.write_text(changed + '[ui]\nbell = true\ntheme = "quri-light"\ntime = "local"\n')
        operator.edit("[monitor]", '[monitor]\nwarning = "1000T"\ncritical = "900T"')
        app._look_around()
        await until(pilot, lambda: said(app, "this holds now: [canisters], [monitor], [alerts], [ui]"))
        await until(pilot, lambda: levels(app) == {"critical"})
        assert app.fleet is not None
        assert "renamed" in {view.name for view in app.fleet.canisters}
        assert app.selected_id == selected
        assert app.screen.query_one(LineTable).cursor_key == selected
        assert app.theme == "quri-light"
        assert app.manner.zone == "local"
        assert app._service is not service
        assert [thread.name for thread in threading.enumerate()].count("quri-service") == 1


async def test_what_needs_a_restart_is_said_and_the_service_goes_on(tmp_path: Path) -> None:
    async with on_network(tmp_path) as (operator, pilot, app):
        service, network = app._service, app.console_door.network
        operator.edit("production = false", "production = true")
        app._look_around()
        await until(pilot, lambda: said(app, "Quit and open the console again for: [networks]."))
        assert app._service is service
        assert app.console_door.network == network


async def test_a_change_waits_until_a_dialog_with_a_typed_confirmation_is_closed(tmp_path: Path) -> None:
    async with on_network(tmp_path) as (operator, pilot, app):
        page = RemedyScreen("registry", "stop")
        await app.push_screen(page)
        await until(pilot, lambda: page.query_one("#reason").display)
        await pilot.press(*"why", "enter")
        await until(pilot, lambda: page.query_one(TypedConfirmation).display)
        await pilot.press(*"loc")
        service, config = app._service, app.console_door.config
        operator.edit("[monitor]", '[monitor]\nwarning = "1000T"\ncritical = "900T"')
        app._look_around()
        await until(pilot, lambda: said(app, "taken over when this page is closed"))
        app._look_around()
        await pilot.pause()
        assert (app._service, app.console_door.config) == (service, config)
        assert app.screen is page
        assert page.query_one(TypedConfirmation).value == "loc"
        await pilot.press("escape")
        await pilot.pause()
        app._look_around()
        await until(pilot, lambda: levels(app) == {"critical"})
        assert said(app, "this holds now: [canisters], [monitor]")


async def test_a_broken_change_names_its_line_and_what_waited_is_forgotten(tmp_path: Path) -> None:
    async with on_network(tmp_path) as (operator, pilot, app):
        good, config = operator.config.read_text(), app.console_door.config
        await app.push_screen(HelpScreen())
        operator.edit("[monitor]", '[monitor]\nwarning = "1000T"')
        app._look_around()
        await until(pilot, lambda: said(app, "taken over when this page is closed"))
        operator.config.write_text(f"{good}\n[ui]\nbell = 3\n")
        line = len(good.splitlines()) + 3
        app._look_around()
        await until(pilot, lambda: said(app, f"line {line}"))
        await pilot.press("escape")
        await pilot.pause()
        app._look_around()
        await pilot.pause(0.1)
        assert app.console_door.config is config
        operator.config.write_text(good.replace("[monitor]", '[monitor]\nwarning = "1000T"'))
        app._look_around()
        await until(pilot, lambda: said(app, "can be used again; this holds now: [canisters], [monitor]"))


async def test_changes_in_quick_succession_leave_one_service_that_has_the_last(tmp_path: Path) -> None:
    async with on_network(tmp_path) as (operator, pilot, app):
        text = operator.config.read_text()
        for number in range(1, 6):
            operator.config.write_text(text.replace("[monitor]", f'[monitor]\nwarning = "{number}00T"'))
            app._look_around()
            await pilot.pause()
        await until(
            pilot,
            lambda: (
                app._look_around() is None and app.console_door.config.monitor.thresholds.warning_cycles == 500 * 10**12
            ),
        )
        await until(pilot, lambda: app._service is not None and levels(app) == {"warning"})
        await until(pilot, lambda: [thread.name for thread in threading.enumerate()].count("quri-service") == 1)


# what is remembered


async def test_view_and_selection_are_on_disk_while_the_console_runs(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    path = app.console_door.config.paths.state / FILE_NAME

    def kept() -> dict[str, object]:
        return dict(json.loads(path.read_text())["networks"]["local"][""]) if path.exists() else {}

    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        await pilot.press("down", "4")
        await pilot.pause()
        app._look_around()
        await until(pilot, lambda: kept() == {"view": "alerts", "selected_id": FLEET["registry"]})
        before = path.stat()
        app._look_around()
        await pilot.pause(0.1)
        assert path.stat().st_ino == before.st_ino
        assert [entry.name for entry in path.parent.iterdir() if FILE_NAME in entry.name] == [FILE_NAME]


async def test_a_disk_that_hangs_holds_no_key_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = QuriApp(console_without_network(tmp_path))
    released, reached = threading.Event(), threading.Event()

    def hang(text: str) -> None:
        reached.set()
        released.wait(60)

    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        monkeypatch.setattr(app.session_state, "_write", hang)
        await pilot.press("down")
        app._look_around()
        await until(pilot, reached.is_set)
        await pilot.press("5", "1")
        await pilot.pause()
        assert isinstance(app.screen, FleetScreen)
        released.set()


def test_of_two_writers_the_later_state_is_what_stays(tmp_path: Path) -> None:
    state = SessionState.load(tmp_path, "local")
    state.remember("fleet", None)
    first = state.saving()
    state.remember("alerts", None)
    second = state.saving()
    assert not state.changed
    second()
    first()
    assert SessionState.load(tmp_path, "local").view == "alerts"
