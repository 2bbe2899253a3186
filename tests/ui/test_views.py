"""What every view shares: going from one to another, the palette, pausing, notices, copying."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from quri_console.render.actions import VIEWS
from quri_console.ui.app import QuriApp
from quri_console.ui.messages import FleetChanged
from quri_console.ui.screens.notices import NoticesScreen
from quri_console.ui.screens.palette import PaletteScreen
from quri_console.ui.screens.view import ViewScreen
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.lines_view import LinesView
from tests.support.consoles import FLEET, console_without_network
from tests.ui.test_fleet_screen import FOUR, show, table_text


@pytest.mark.parametrize(("key", "view"), list(zip("12345", VIEWS, strict=True)))
async def test_each_view_has_a_key(tmp_path: Path, key: str, view: str) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        await pilot.press(key)
        await pilot.pause()
        assert isinstance(app.screen, ViewScreen)
        assert view == app.screen.VIEW


async def test_the_palette_goes_to_a_canister_by_a_few_letters(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        await pilot.press("colon")
        await pilot.pause()
        assert isinstance(app.screen, PaletteScreen)
        await pilot.press(*"ident", "enter")
        await pilot.pause()
        await pilot.pause()
        assert app.selected_id == FLEET["identity-manager"]
        assert app.screen.query_one(LineTable).cursor_key == FLEET["identity-manager"]


async def test_the_palette_runs_an_action_and_says_why_one_cannot_run(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path, read_only=True))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        await pilot.press("colon", *"backup", "enter")
        await pilot.pause()
        assert any("read-only" in notice.message for notice in app.notices.all)
        app.screen.query_one(Input).value = "alerts"
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        await pilot.pause()
        assert isinstance(app.screen, ViewScreen)
        assert app.screen.VIEW == "alerts"


async def test_a_paused_picture_stands_still_and_then_shows_the_newest(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await show(pilot, FOUR)
        await pilot.press("z")
        poorer = replace(FOUR, canisters=(replace(FOUR.canisters[0], cycles=123_000_000_000), *FOUR.canisters[1:]))
        app.post_message(FleetChanged(poorer))
        await pilot.pause()
        assert "123 B" not in table_text(screen)
        await pilot.press("z")
        await pilot.pause()
        assert "123 B" in table_text(screen)


async def test_what_was_said_can_be_read_again(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        app.notify("the disk is full", title="Backup", severity="error")
        await pilot.press("n")
        assert isinstance(app.screen, NoticesScreen)
        assert "Backup: the disk is full" in str(app.screen.query_one(LinesView).render())


async def test_copying_always_leaves_a_file_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        await pilot.press("c")
        await pilot.pause()
        path = app.console_door.config.paths.state / "copied.txt"
        assert str(path) in app.notices.all[-1].message
        assert all(name in path.read_text() for name in FLEET)
        assert path.stat().st_mode & 0o777 == 0o600


async def test_a_toast_is_closed_by_a_key_and_stays_in_the_list(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, FOUR)
        for key in ("N", "escape"):
            app.notify(f"said before {key}")
            app.notify(f"and again before {key}")
            await pilot.pause()
            assert len(app._notifications) == 2
            await pilot.press(key)
            await pilot.pause()
            assert not app._notifications
            assert not app.screen.query("Toast")
        assert [notice.message for notice in app.notices.all][-1] == "and again before escape"
        assert app.screen is screen


async def test_esc_closes_a_toast_before_it_ends_a_filter_and_leaves_dialogs_and_fields_their_esc(
    tmp_path: Path,
) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, FOUR)
        await pilot.press("slash", *"rune", "enter")
        await pilot.pause()
        app.notify("something")
        await pilot.press("escape")
        await pilot.pause()
        assert len(screen.query_one(LineTable).rows) == 1
        await pilot.press("escape")
        await pilot.pause()
        assert len(screen.query_one(LineTable).rows) == 4
        await pilot.press("question_mark")
        await pilot.pause()
        app.notify("something")
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is screen
        assert app._notifications
        await pilot.press("slash", "escape")
        await pilot.pause()
        assert app._notifications
        assert not screen.query_one("#filter", Input).display
