"""Marking an interrupted operation resolved from the activity view: Cancel first, a reason, the name on production."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from quri_console.localnet.canister import RunState
from quri_console.localnet.faults import Delay, FaultRule
from quri_console.service.following import OperationHandle
from quri_console.ui.app import QuriApp
from quri_console.ui.screens.activity import ActivityScreen
from quri_console.ui.screens.resolve import ResolveScreen
from quri_console.ui.widgets.choice import Choice
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.lines_view import LinesView
from tests.support.damaged_canister import CONFIRM, NAME, Scene, damaged_canister
from tests.support.runners import kill_runner_and_guard


class Desk:
    """An operator at the console after a restore was killed while its canister stood still."""

    def __init__(self, scene: Scene, pilot: Pilot[int], operation: str) -> None:
        self.scene = scene
        self.pilot = pilot
        self.operation = operation

    @property
    def app(self) -> QuriApp:
        assert isinstance(self.pilot.app, QuriApp)
        return self.pilot.app

    @property
    def handle(self) -> OperationHandle:
        return self.scene.console.follow(self.operation)

    @property
    def focused(self) -> str | None:
        return None if self.app.screen.focused is None else self.app.screen.focused.id

    def text(self) -> str:
        return str(self.app.screen.query_one(LinesView).render())

    def said(self, words: str) -> bool:
        return any(words in notice.message for notice in self.app.notices.all)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await self.pilot.pause(0.02)

    async def opened(self) -> None:
        """Press the key, and wait until the network was looked at."""
        await self.pilot.press("X")
        await self.until(lambda: isinstance(self.app.screen, ResolveScreen) and "left behind" in self.text())


@asynccontextmanager
async def desk(folder: Path, *, production: bool = False, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Desk]:
    async with damaged_canister(folder) as scene:
        scene.operator.net.faults.add(FaultRule(Delay(60), method="take_canister_snapshot"))
        operation = await scene.started("safety snapshot", "restore", NAME, "--from", "latest", *CONFIRM)
        handle = scene.console.follow(operation)
        kill_runner_and_guard(handle.directory)
        await handle.wait()
        scene.operator.net.faults.clear()
        if production:
            scene.operator.edit("production = false", "production = true")
        # a console would start what was left stopped; one whose service does nothing leaves it to the dialog
        app = QuriApp(scene.console)
        app.console_door.start_service = lambda publish: Idle()  # type: ignore[method-assign]
        async with app.run_test(size=size) as pilot:
            at = Desk(scene, pilot, operation)
            # the first picture is that of what is to be ended
            await at.until(lambda: isinstance(app.screen, ActivityScreen) and bool(app.screen.query(LineTable)))
            await at.until(lambda: app.screen.query_one(LineTable).cursor_key == operation)
            yield at


class Idle:
    """A service that does nothing."""

    def poll_now(self) -> None:
        """There is nobody to ask."""

    def stop(self) -> None:
        """There is nothing to end."""


async def test_the_dialog_begins_with_cancel_and_enter_changes_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        assert at.said("X marks it resolved")
        await at.opened()
        assert at.focused == "cancel"
        assert "the operation stopped it, and it ran before" in " ".join(at.text().split())
        await at.pilot.press("enter")
        await at.until(lambda: isinstance(at.app.screen, ActivityScreen))
        assert at.handle.outcome() is None
        assert at.scene.on_network.run_state is RunState.STOPPED


async def test_with_a_reason_it_is_marked_and_what_was_stopped_runs(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.opened()
        await at.pilot.press("right", "enter")
        await at.until(lambda: at.said("Give a reason first"))
        assert at.focused == "reason"
        assert at.handle.outcome() is None
        await at.pilot.press(*"INC-42", "enter", "right")
        await at.until(lambda: at.focused == "mark")
        await at.pilot.press("enter")
        await at.until(lambda: at.said("is marked resolved"))
        assert at.said(f"{NAME} was started again")
        assert at.scene.on_network.run_state is RunState.RUNNING
        await at.until(lambda: isinstance(at.app.screen, ActivityScreen))
        await at.until(lambda: at.app.screen.query_one(LineTable).rows[0].cells[0].text == "resolved")
        await at.pilot.press("X")
        await at.until(lambda: at.said("nothing of it is left to be ended"))


async def test_it_is_left_stopped_by_a_choice_of_its_own(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.opened()
        at.app.screen.query_one("#reason", Input).value = "INC-42"
        at.app.screen.query_one("#leave", Choice).focus()
        await at.pilot.press("enter")
        await at.until(lambda: at.said(f"{NAME} is left stopped"))
        assert at.scene.on_network.run_state is RunState.STOPPED
        assert at.handle.summary().state == "resolved"


async def test_on_production_the_name_is_typed_as_well(tmp_path: Path) -> None:
    async with desk(tmp_path, production=True) as at:
        await at.opened()
        at.app.screen.query_one("#reason", Input).value = "INC-42"
        at.app.screen.query_one("#mark", Choice).focus()
        await at.pilot.press("enter")
        await at.until(lambda: at.said(f"Type --force local/{NAME} first"))
        assert at.handle.outcome() is None
        assert at.focused == "typed"
        await at.pilot.press(*f"--force local/{NAME}")
        at.app.screen.query_one("#mark", Choice).focus()
        await at.pilot.press("enter")
        await at.until(lambda: at.said("is marked resolved"))
        assert at.scene.on_network.run_state is RunState.RUNNING


async def test_a_failure_is_shown_and_the_dialog_stays(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.opened()
        lock = at.handle.directory / "runner.lock"
        import fcntl

        with lock.open("r+") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            at.app.screen.query_one("#reason", Input).value = "INC-42"
            at.app.screen.query_one("#mark", Choice).focus()
            await at.pilot.press("enter")
            await at.until(lambda: "still running" in at.text())
        assert isinstance(at.app.screen, ResolveScreen)
