"""The backups view over a real repository: contents, verifying, pinning, forgetting, comparing, restoring from it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from quri_console.progress import Progress, ProgressEvent
from quri_console.repository.check_report import Verification
from quri_console.ui.app import QuriApp
from quri_console.ui.options import Manner
from quri_console.ui.screens.backups import BackupsScreen
from quri_console.ui.screens.compare import CompareScreen
from quri_console.ui.screens.help import HelpScreen
from quri_console.ui.screens.rehearsal import RehearsalScreen
from quri_console.ui.screens.restore import RestoreScreen
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.lines_view import LinesView
from tests.support.damaged_canister import CANISTER, NAME, Scene, damaged_canister


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
        field = at.app.screen.query(Input).first()
        field.post_message(events.Paste(name))
        await at.until(lambda: at.said("pasting is refused"))
        assert field.value == ""
        field.value = name
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
        # a page that was opened from a view has its own keys, and says what they do
        await at.pilot.press("question_mark")
        await at.until(lambda: isinstance(at.app.screen, HelpScreen))
        assert "Magnify" in at.text("#sheet")
        assert "Poll now" not in at.text("#sheet")
        await at.pilot.press("escape")
        assert isinstance(at.app.screen, CompareScreen)


async def test_a_canister_opens_into_its_parts_right_below_it(tmp_path: Path) -> None:
    async with shelf(tmp_path, backups=2) as at:
        await at.pilot.press("enter", "down", "enter")
        await at.until(lambda: any(row.key.endswith("/globals") for row in at.table.rows))
        kinds = [row.key.count("/") for row in at.table.rows]
        assert kinds[:3] == [0, 1, 2]
        assert kinds[-1] == 0
        cells = {row.cells[0].text.strip(): row.cells[4].text for row in at.table.rows}
        assert cells["heap"].endswith("MiB")
        await at.pilot.press("down")
        # a part is named as its canister's copy wherever a command takes it
        screen = at.app.screen
        assert isinstance(screen, BackupsScreen)
        assert screen.chosen == f"{at.table.rows[0].key}/{NAME}"
        await at.pilot.press("enter")
        await at.until(lambda: all(row.key.count("/") < 2 for row in at.table.rows))


async def test_a_copy_is_exported_and_the_command_that_uploads_it_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.chdir(tmp_path)
    async with shelf(tmp_path) as at:
        name = at.table.rows[0].key
        await at.pilot.press("e")
        await at.until(lambda: bool(at.app.screen.query(Input)))
        assert at.app.screen.query_one(Input).value == str(tmp_path / f"{NAME}-{name}")
        await at.pilot.press("enter")
        await at.until(lambda: "Wrote" in at.text())
        exported = tmp_path / f"{NAME}-{name}"
        assert (exported / "metadata.json").exists()
        assert str(exported) in at.text().replace("\n", "")
        command = f"icp canister snapshot upload {CANISTER.to_str()} -i {exported}"
        screen = at.app.screen
        assert isinstance(screen, BackupsScreen)
        assert screen.text_to_copy() == command
        # nothing is overwritten
        await at.pilot.press("e")
        await at.until(lambda: bool(at.app.screen.query(Input)))
        await at.pilot.press("enter")
        await at.until(lambda: "Wrote" not in at.text() and "Next:" in at.text())
        assert screen.text_to_copy() != command


async def test_a_set_of_several_canisters_wants_one_to_be_chosen_for_an_export(tmp_path: Path) -> None:
    async with damaged_canister(tmp_path) as scene:
        assert (await scene.operator("backup", NAME, "registry")).code == 0
        async with QuriApp(scene.console, manner=Manner(view="backups")).run_test(size=(110, 36)) as pilot:
            at = Shelf(scene, pilot)
            await at.until(lambda: len(at.table.rows) == 2)
            await pilot.press("e")
            await at.until(lambda: at.said("Enter opens the set"))
            await pilot.press("enter", "down", "e")
            await at.until(lambda: bool(at.app.screen.query(Input)))


async def test_an_archive_goes_where_it_is_asked_for_and_says_how_to_take_it_over(tmp_path: Path) -> None:
    async with shelf(tmp_path) as at:
        name = at.table.rows[0].key
        (tmp_path / "offsite").mkdir()
        await at.pilot.press("w")
        await at.until(lambda: bool(at.app.screen.query(Input)))
        at.app.screen.query_one(Input).value = str(tmp_path / "offsite")
        await at.pilot.press("enter")
        await at.until(lambda: "Sealed" in at.text())
        assert (tmp_path / "offsite" / f"{name}.tar.zst").exists()
        assert "quri-console import" in at.text()


async def test_a_home_that_nobody_has_is_said_and_ends_nothing(tmp_path: Path) -> None:
    async with shelf(tmp_path) as at:
        await at.pilot.press("w")
        await at.until(lambda: bool(at.app.screen.query(Input)))
        at.app.screen.query_one(Input).value = "~nobody-is-called-so/offsite"
        await at.pilot.press("enter")
        await at.until(lambda: "names a home folder that is not known" in at.text())


async def test_progress_is_shown_while_it_works_and_a_second_thing_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    async with shelf(tmp_path) as at:
        door = at.app.console_door
        verify = door.verify

        def held(name: str, progress: Progress | None = None, *, wait_seconds: float = 0.0) -> Verification:
            assert progress is not None
            progress.report(ProgressEvent("read", 3, 10, "bytes"))
            assert go_on.wait(30)
            return verify(name, progress, wait_seconds=wait_seconds)

        monkeypatch.setattr(door, "verify", held)
        await at.pilot.press("v")
        await at.until(lambda: "read: 3 B of 10 B (30 %)" in at.text())
        await at.pilot.press("v")
        await at.until(lambda: at.said("is under way; wait for its end"))
        go_on.set()
        await at.until(lambda: at.said("is whole."))


async def test_the_time_line_says_what_is_overdue_and_what_is_encrypted(tmp_path: Path) -> None:
    async with shelf(tmp_path) as at:
        await at.until(lambda: "not encrypted" in at.text("#timeline"))
        assert "Overdue: registry (none)" in at.text("#timeline")
        assert "1d ago" in at.text("#timeline")
        assert "◆" in at.text("#timeline")
