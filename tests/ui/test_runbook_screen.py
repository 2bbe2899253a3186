"""The runbook inside the console: opened from where one is, read, followed, searched and copied from by keys."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from quri_console.config import load_config
from quri_console.console import Console
from quri_console.monitor.fleet import Finding, FleetStatus, Health
from quri_console.render.spans import plain
from quri_console.ui.app import QuriApp
from quri_console.ui.screens.fleet import FleetScreen
from quri_console.ui.screens.palette import PaletteScreen
from quri_console.ui.screens.remedy import RemedyScreen
from quri_console.ui.screens.runbook import RunbookScreen
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.lines_view import LinesView
from quri_console.ui.widgets.page_view import PageView
from tests.support.consoles import FLEET, console_without_network
from tests.ui.test_fleet_screen import FOUR, show

STOPPED = Health("critical", (Finding("stopped", "critical", "it is stopped"), Finding("stale", "warning", "old")))
TROUBLED = replace(FOUR, canisters=(replace(FOUR.canisters[0], health=STOPPED), *FOUR.canisters[1:]))


async def until(pilot: Pilot[int], holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await pilot.pause(0.02)
    await pilot.pause()


async def opened(pilot: Pilot[int], *keys: str, fleet: FleetStatus = TROUBLED) -> RunbookScreen:
    """The runbook after these keys on a fleet whose first canister is stopped, once all of it was read."""
    await show(pilot, fleet)
    return await after(pilot, *keys)


async def after(pilot: Pilot[int], *keys: str) -> RunbookScreen:
    await pilot.press(*keys)
    await until(pilot, lambda: isinstance(pilot.app.screen, RunbookScreen))
    screen = pilot.app.screen
    assert isinstance(screen, RunbookScreen)
    await pilot.app.workers.wait_for_complete()
    await until(pilot, lambda: bool(screen.query_one(LineTable).rows))
    return screen


def seen(screen: RunbookScreen) -> str:
    view = screen.query_one(PageView)
    return "\n".join(view.render_line(line).text.rstrip() for line in range(view.size.height))


def title(screen: RunbookScreen) -> str:
    return str(screen.query_one("#title").render())


async def test_the_worst_finding_of_the_selected_canister_opens_its_page_with_its_name_in_the_commands(
    tmp_path: Path,
) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        troubled = replace(TROUBLED, canisters=(*TROUBLED.canisters[1:], TROUBLED.canisters[0]))
        await show(pilot, troubled)
        app.selected_id = FLEET["registry"]
        second = replace(troubled.canisters[0], health=STOPPED)
        screen = await opened(pilot, "K", fleet=replace(troubled, canisters=(second, *troubled.canisters[1:])))
        assert screen.page == "stopped"
        assert f"for {second.name} on local: stopped" in title(screen)
        assert f"quri-console start {second.name}" in "\n".join(
            plain(line) for line in screen.query_one(PageView).picture.lines
        )
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, FleetScreen)


async def test_a_healthy_canister_opens_the_list_and_every_page_can_be_read_at_80_columns(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        healthy = tuple(replace(view, health=Health("ok")) for view in FOUR.canisters)
        screen = await opened(pilot, "f1", fleet=replace(FOUR, canisters=healthy))
        table = screen.query_one(LineTable)
        assert screen.page == ""
        for row in table.rows:
            table.select(row.key)
            await pilot.press("enter")
            await pilot.pause()
            assert screen.page == row.key
            assert not table.display
            assert max(map(len, seen(screen).split("\n"))) <= 80
            await pilot.press("escape")
            await pilot.pause()
            assert screen.page == ""
        assert len(table.rows) == 21


async def test_what_stood_in_the_corner_covers_no_command_and_is_kept_in_the_list_of_notices(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await show(pilot, FOUR)
        app.notify("A canister is frozen", title="DRILL", timeout=60)
        await until(pilot, lambda: len(app.screen.query("Toast")) == 1)
        await after(pilot, "K")
        assert list(app.screen.query("Toast")) == []
        assert [notice.title for notice in app.notices.all] == ["DRILL"]


async def test_ctrl_c_ends_nothing_and_says_which_key_does(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, FOUR)
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert [notice.message for notice in app.notices.all] == ["q quits; Ctrl-C does not."]
        assert app.is_running


async def test_links_are_followed_and_esc_goes_back_the_way_one_came(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, "K", "p")
        screen.query_one(LineTable).select("recovery")
        await pilot.press("enter", "tab")
        await pilot.pause()
        stop = screen.query_one(PageView).stop
        assert stop is not None
        assert stop.kind == "link"
        assert "> " in seen(screen)
        await pilot.press("enter")
        await pilot.pause()
        assert screen.page == stop.target
        trail = [screen.page]
        for _ in range(3):
            await pilot.press("escape")
            await pilot.pause()
            trail.append(screen.page)
        assert trail == [stop.target, "recovery", "", "stopped"]
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, FleetScreen)


async def test_a_command_is_copied_alone_or_with_its_block(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, "K")
        copied = app.console_door.config.paths.state / "copied.txt"
        await pilot.press("c")
        assert "Tab chooses a command" in app.notices.all[-1].message
        view = screen.query_one(PageView)
        for _ in range(20):
            await pilot.press("tab")
            if view.stop is not None and view.stop.kind == "command" and "\n" in view.stop.block:
                break
        assert view.stop is not None
        await pilot.press("c")
        assert copied.read_text() == view.stop.target
        assert view.stop.target in app.notices.all[-1].message
        await pilot.press("C")
        assert copied.read_text() == view.stop.block
        await pilot.press("enter")
        assert "not run from here" in app.notices.all[-1].message


async def test_a_word_is_searched_on_every_page_and_leads_to_its_line(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, "K")
        await pilot.press("slash", *"boundary")
        await pilot.pause()
        table = screen.query_one(LineTable)
        assert table.rows
        assert all("boundary" in row.cells[1].text.casefold() for row in table.rows)
        await pilot.press("enter")
        await pilot.pause()
        assert screen.page == table.rows[0].key.partition(":")[0]
        assert "boundary" in seen(screen).casefold()
        await pilot.press("escape")
        await pilot.pause()
        assert screen.query_one(Input).value == "boundary"
        await pilot.press("escape")
        await pilot.pause()
        assert screen.query_one(Input).value == ""
        assert len(table.rows) == 21
        await pilot.press("escape")
        await pilot.pause()
        assert screen.page == "stopped"


async def test_who_types_faster_than_the_disk_reads_keeps_what_was_typed(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, TROUBLED)
        reading, door = threading.Event(), app.console_door
        read = door.readable_runbook
        door.readable_runbook = lambda **given: (reading.wait(60), read(**given))[1]  # type: ignore[method-assign]
        await pilot.press("K")
        await until(pilot, lambda: isinstance(app.screen, RunbookScreen))
        await pilot.press("slash", *"topup")
        reading.set()
        screen = await after(pilot)
        assert screen.page == ""
        assert screen.query_one(Input).value == "topup"
        assert all("topup" in row.cells[1].text for row in screen.query_one(LineTable).rows)


async def test_the_reference_is_made_of_the_commands(tmp_path: Path) -> None:
    from quri_console.cli.main import COMMANDS

    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(100, 30)) as pilot:
        await show(pilot, TROUBLED)
        app.action_runbook("commands")
        screen = await after(pilot)
        text = [plain(line).strip() for line in screen.query_one(PageView).picture.lines]
        assert {f"quri-console {verb}" for verb in COMMANDS} <= set(text)


async def test_the_palette_has_every_page(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, TROUBLED)
        await pilot.press("colon")
        await pilot.pause()
        palette = app.screen
        assert isinstance(palette, PaletteScreen)
        await until(pilot, lambda: any(row.key == "page lost-key" for row in palette.query_one(LineTable).rows))
        screen = await after(pilot, *"lost-k", "enter")
        assert screen.page == "lost-key"


async def test_a_failed_plan_opens_the_page_about_what_failed(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, TROUBLED)
        await app.push_screen(RemedyScreen("registry", "start"))
        page = app.screen
        assert isinstance(page, RemedyScreen)
        await until(pilot, lambda: "F1 opens the runbook" in str(page.query_one("#plan", LinesView).render()))
        expected, about = page.help_page
        assert expected in str(page.query_one("#plan", LinesView).render())
        screen = await after(pilot, "f1")
        assert (screen.page, about) == (expected, "registry")
        await pilot.press("q")
        await pilot.pause()
        assert app.screen is page


async def test_hostile_pages_of_the_operators_show_harmlessly_and_theirs_go_before_ours(tmp_path: Path) -> None:
    console = with_own_pages(tmp_path)
    own = tmp_path / "own"
    (own / "stopped.md").write_text("# Ours\n\nCall Eva about rune-engine.\n")
    evil = "# \x1b[31m[red]x[/red]\x1b]52;c;ZXZpbA==\x07\u202e\u200b\n\n" + "A" * 300_000 + "\n\n```\nrm \x1b[2J\n```\n"
    (own / "evil.md").write_text(evil)
    app = QuriApp(console)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, "K")
        assert "stopped (your page)" in title(screen)
        assert "Call Eva about rune-engine." in seen(screen)
        app.pop_screen()
        app.action_runbook("evil")
        screen = await after(pilot)
        await pilot.press("G")
        await pilot.pause()
        drawn = seen(screen) + title(screen) + screen.query_one(LineTable).text_of_rows()
        assert "[red]x[/red]" in drawn
        assert not any(character in drawn for character in "\x1b\x07\u202e\u200b")


async def test_a_folder_that_cannot_be_read_leaves_our_pages_and_says_why(tmp_path: Path) -> None:
    console = with_own_pages(tmp_path)
    (tmp_path / "own" / "Not a name.md").write_text("# x\n")
    app = QuriApp(console)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, "K")
        assert "Without your own pages" in str(screen.query_one("#said", LinesView).render())
        assert screen.page == "stopped"


def with_own_pages(folder: Path) -> Console:
    console = console_without_network(folder)
    (folder / "own").mkdir()
    path = console.config.path
    path.write_text(path.read_text() + '[ui]\nrunbook_dir = "own"\n')
    console.use_config(load_config(path))
    return console


async def test_wide_screens_have_the_list_beside_the_page_and_a_new_width_keeps_the_place(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(200, 50)) as pilot:
        screen = await opened(pilot, "K", "p")
        table, view = screen.query_one(LineTable), screen.query_one(PageView)
        assert table.display
        assert view.display
        table.select("commands")
        await pilot.pause()
        assert "Command reference" in seen(screen)
        await pilot.press("enter", "pagedown", "pagedown")
        await pilot.pause()
        before = view.picture.sources[view.top]
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        await pilot.pause()
        assert not table.display
        assert abs(view.picture.sources[view.top] - before) <= 3
