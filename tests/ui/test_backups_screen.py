"""The backups view over a real repository: contents, verifying, pinning, forgetting, comparing, restoring from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from quri_console.ui.app import QuriApp
from quri_console.ui.options import Manner
from quri_console.ui.screens.backups import BackupsScreen
from quri_console.ui.screens.compare import CompareScreen
from quri_console.ui.screens.rehearsal import RehearsalScreen
from quri_console.ui.screens.restore import RestoreScreen
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.lines_view import LinesView
from tests.support.damaged_canister import NAME, Scene, damaged_canister


class Shelf:
    """An operator before the open backups view."""

    def __init__(self, scene: Scene, pilot: Pilot[int]) -> None:
        self.scene = scene
        self.pilot = pilot

    @property
    def app(self) -> QuriApp:
        assert isinstance(self.pilot.app, QuriApp)
        return self.pilot.app

    @property
    def table(self) -> LineTable:
        return self.app.screen.query_one(LineTable)

    def text(self, selector: str = "#chosen") -> str:
        return str(self.app.screen.query_one(selector, LinesView).render())

    def said(self, words: str) -> bool:
        return any(words in notice.message for notice in self.app.notices.all)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await self.pilot.pause(0.02)


@asynccontextmanager
async def shelf(folder: Path, *, backups: int = 1) -> AsyncIterator[Shelf]:
    async with damaged_canister(folder) as scene:
        for _ in range(backups - 1):
            again = await scene.operator("backup", NAME)
            assert again.code == 0, again.errors
        async with QuriApp(scene.console, manner=Manner(view="backups")).run_test(size=(110, 36)) as pilot:
            at = Shelf(scene, pilot)
            await at.until(lambda: len(at.table.rows) == backups)
            assert isinstance(at.app.screen, BackupsScreen)
            yield at


async def test_a_set_opens_into_its_canisters_and_is_previewed(tmp_path: Path) -> None:
    async with shelf(tmp_path) as at:
        await at.until(lambda: "root key SHA-256" in at.text())
        await at.pilot.press("enter")
        await at.until(lambda: len(at.table.rows) == 2)
        await at.pilot.press("down")
        await at.until(lambda: at.text().startswith(at.table.rows[0].key))
        assert at.table.cursor_key == f"{at.table.rows[0].key}/{NAME}"
        await at.pilot.press("r")
        await at.until(lambda: isinstance(at.app.screen, RestoreScreen))


async def test_verifying_rehearsing_and_pinning_leave_their_marks(tmp_path: Path) -> None:
    async with shelf(tmp_path) as at:
        await at.pilot.press("v")
        await at.until(lambda: at.said("is whole."))
        await at.pilot.press("x")
        await at.until(lambda: isinstance(at.app.screen, RehearsalScreen) and "passed" in at.text("#rehearsal"))
        await at.pilot.press("escape", "i")
        await at.pilot.pause()
        at.app.screen.query_one(Input).value = "before the upgrade"
        await at.pilot.press("enter")
        await at.until(lambda: at.said("is pinned."))
        marks = lambda: at.table.rows[0].cells[-1].text  # noqa: E731
        await at.until(lambda: marks() == "verified, rehearsed, pinned")
        await at.pilot.press("i")
        await at.until(lambda: "pinned" not in marks())


async def test_forgetting_wants_the_name_and_can_be_undone(tmp_path: Path) -> None:
    async with shelf(tmp_path, backups=2) as at:
        await at.pilot.press("down")
        name = at.table.cursor_key
        assert name is not None
        await at.pilot.press("D", "n", "o", "enter", "enter")
        await at.until(lambda: at.said(f"That is not {name}"))
        await at.pilot.press("D")
        await at.pilot.pause()
        at.app.screen.query(Input).first().value = name
        await at.pilot.press("enter", "enter")
        await at.until(lambda: at.said("is hidden"))
        await at.until(lambda: any("forgotten" in row.cells[-1].text for row in at.table.rows))
        await at.pilot.press("D")
        await at.until(lambda: at.said("is back."))


async def test_two_marked_backups_are_compared_and_the_result_searched_and_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    async with shelf(tmp_path, backups=2) as at:
        await at.pilot.press("space", "space", "d")
        await at.until(lambda: isinstance(at.app.screen, CompareScreen) and "Comparing" not in at.text("#differences"))
        assert "heap" in at.text("#differences")
        await at.pilot.press("slash", *"module")
        await at.until(lambda: "heap" not in at.text("#differences"))
        await at.pilot.press("escape")
        await at.until(lambda: "heap" in at.text("#differences"))
        await at.pilot.press("w")
        await at.until(lambda: at.said("Saved: "))
        await at.pilot.press("escape")
        await at.pilot.pause()
        assert isinstance(at.app.screen, BackupsScreen)


async def test_one_backup_is_compared_with_the_live_canister(tmp_path: Path) -> None:
    async with shelf(tmp_path) as at:
        await at.pilot.press("enter")
        await at.until(lambda: len(at.table.rows) == 2)
        await at.pilot.press("down", "d")
        await at.until(lambda: isinstance(at.app.screen, CompareScreen) and "Comparing" not in at.text("#differences"))
        assert "live" in at.text("#differences")
