"""The activity view after a backup and a restore: steps, audit, doctor, and the way back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from quri_console.ui.app import QuriApp
from quri_console.ui.options import Manner
from quri_console.ui.screens.activity import ActivityScreen
from quri_console.ui.screens.operation import OperationScreen
from quri_console.ui.screens.service_logs import ServiceLogsScreen
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.lines_view import LinesView
from quri_console.ui.widgets.operation_view import OperationView
from quri_console.ui.widgets.typed_confirmation import TypedConfirmation
from tests.support.damaged_canister import CONFIRM, NAME, Scene, damaged_canister
from tests.support.runners import kill_runner


@asynccontextmanager
async def busy(folder: Path) -> AsyncIterator[tuple[Scene, Pilot[int], ActivityScreen]]:
    """A console on a canister that was backed up, damaged and restored."""
    async with damaged_canister(folder) as scene:
        restored = await scene.operator("restore", NAME, "--from", "latest", *CONFIRM, "--reason", "INC-42")
        assert restored.code == 0, restored.errors
        app = QuriApp(scene.console, manner=Manner(view="activity"))
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: len(app.screen.query_one(LineTable).rows) == 2)
            assert isinstance(app.screen, ActivityScreen)
            yield scene, pilot, app.screen


async def until(pilot: Pilot[int], fulfilled: object) -> None:
    assert callable(fulfilled)
    async with asyncio.timeout(60):
        while not fulfilled():
            await pilot.pause(0.02)


def pane(screen: ActivityScreen) -> str:
    return str(screen.query_one("#chosen", LinesView).render())


async def test_every_pane_tells_its_part(tmp_path: Path) -> None:
    async with busy(tmp_path) as (_, pilot, screen):
        await until(pilot, lambda: "loads snapshot" in pane(screen))
        await pilot.press("a")
        await until(pilot, lambda: "INC-42" in pane(screen))
        await pilot.press("m")
        await until(pilot, lambda: "No message was sent" in pane(screen))
        await pilot.press("d")
        await until(pilot, lambda: "the history is whole" in pane(screen))
        await pilot.press("l")
        await until(pilot, lambda: "Its log is empty." in pane(screen))
        assert "INC-42" in screen.text_to_copy()


async def test_a_short_table_leaves_its_room_to_the_steps_and_they_are_read_on_by_a_key(tmp_path: Path) -> None:
    async with busy(tmp_path) as (_, pilot, screen):
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "loads snapshot" in pane(screen))
        await pilot.pause()
        area = screen.query_one("#more")
        # two operations and the line of titles
        assert screen.table.size.height == 3
        assert area.size.height > 15
        assert "root_key_sha256" not in pane(screen)
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: area.scroll_offset.y > 0)
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: area.scroll_offset.y == 0)


async def test_a_restore_is_rolled_back_from_here_by_the_typed_name(tmp_path: Path) -> None:
    async with busy(tmp_path) as (scene, pilot, _):
        assert await scene.digest() == scene.good
        await pilot.press("B")
        await until(pilot, lambda: bool(pilot.app.screen.query(TypedConfirmation)))
        field = pilot.app.screen.query_one(TypedConfirmation)
        reason = pilot.app.screen.query_one("#reason", Input)
        await until(pilot, lambda: reason.has_focus)
        await pilot.press(*"why", "enter")
        await until(pilot, lambda: field.has_focus)
        await pilot.press(*f"local/{NAME}", "enter")
        view = pilot.app.screen.query_one(OperationView)
        await until(pilot, lambda: view.handle is not None and not view.running)
        assert await scene.digest() == scene.bad


async def test_what_cannot_be_done_says_why_and_an_operation_has_its_page(tmp_path: Path) -> None:
    async with busy(tmp_path) as (_, pilot, screen):
        await pilot.press("A")
        await pilot.pause()
        assert pilot.app.notices.all[-1].message == "Abort is not possible: it has ended."  # type: ignore[attr-defined]
        await pilot.press("R")
        await pilot.pause()
        assert "nothing to go on with" in pilot.app.notices.all[-1].message  # type: ignore[attr-defined]
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, OperationScreen)
        await until(pilot, lambda: "was restored" in str(pilot.app.screen.query_one(OperationView).render()))
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.screen is screen


async def test_what_died_before_its_end_is_shown_first_and_goes_on_by_a_key(tmp_path: Path) -> None:
    async with damaged_canister(tmp_path) as scene:
        operation = await scene.started("paused", "restore", NAME, "--from", "latest", *CONFIRM, "--pause")
        handle = scene.console.follow(operation)
        kill_runner(handle.directory)
        await handle.wait()
        async with QuriApp(scene.console).run_test(size=(120, 40)) as pilot:
            # the view is switched to before it is composed
            screen = lambda: pilot.app.screen  # noqa: E731
            await until(pilot, lambda: isinstance(screen(), ActivityScreen) and bool(screen().query(LineTable)))
            await until(pilot, lambda: screen().query_one(LineTable).cursor_key == operation)
            await pilot.press("R")
            await until(pilot, lambda: handle.outcome() is not None)
        assert await scene.digest() == scene.good


async def test_the_service_log_is_followed_and_searched_from_here(tmp_path: Path) -> None:
    async with busy(tmp_path) as (scene, pilot, _):
        await pilot.press("v")
        await until(pilot, lambda: isinstance(pilot.app.screen, ServiceLogsScreen))
        table = pilot.app.screen.query_one(LineTable)
        # the console's own start, and the two operations' processes before it
        await until(pilot, lambda: any("started: console" in row.cells[1].text for row in table.rows))
        assert sum("runner" in row.cells[1].text for row in table.rows) == 4
        await pilot.press("slash", *"begins: backup", "enter")
        await until(pilot, lambda: len(table.rows) == 1)
        assert f"backup of {NAME} on local" in table.rows[0].cells[1].text
        await pilot.press("escape")
        told = await scene.operator("lockdown", "on", "--reason", "INC-43")
        assert told.code == 0
        await until(pilot, lambda: "INC-43" in table.rows[-1].cells[1].text)
