"""Sorting, grouping, filtering and marking in the Fleet view: nothing acts on a canister that is not meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from quri_console.monitor.fleet import FleetStatus, Health
from quri_console.ui.app import QuriApp
from quri_console.ui.screens.backup import BackupScreen
from quri_console.ui.screens.fleet import FleetScreen
from quri_console.ui.widgets.canister_detail import CanisterDetail
from quri_console.ui.widgets.fleet_table import FleetTable
from quri_console.ui.widgets.lines_view import LinesView
from tests.support.consoles import FLEET, console_without_network
from tests.support.fleets import SECOND
from tests.ui.test_fleet_screen import FOUR, fleet_of, plain, show, table_text

RUNE, REGISTRY, BITCOIN, IDENTITY = FLEET.values()


def different() -> FleetStatus:
    """Four canisters, each unlike the others."""
    rune, registry, bitcoin, identity = FOUR.canisters
    return fleet_of(
        replace(rune, cycles=4 * 10**12),
        replace(registry, cycles=10**12, health=Health("critical"), criticality="low"),
        replace(bitcoin, cycles=3 * 10**12, status="stopped"),
        replace(identity, cycles=2 * 10**12, health=Health("ok")),
    )


def names(screen: FleetScreen) -> list[str]:
    return [row.cells[0].text for row in screen.query_one(FleetTable).rows]


def line(screen: FleetScreen) -> str:
    said = screen.query_one("#order", LinesView)
    return plain(said) if said.display else ""


async def test_s_sorts_by_the_next_column_and_the_selection_stays(tmp_path: Path) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(120, 40)) as pilot:
        screen = await show(pilot, different())
        # while somebody navigates the order stands still, but not against a key that asks for another
        await pilot.press("j", "s")
        await pilot.pause()
        assert names(screen) == sorted(names(screen))
        await pilot.press("s")
        await pilot.pause()
        assert names(screen)[0] == "registry"
        table = screen.query_one(FleetTable)
        assert "Health▾" in table.render_line(0).text
        await pilot.press("S")
        await pilot.pause()
        assert names(screen)[-1] == "registry"
        assert table.selected_canister == screen.quri.selected_id == REGISTRY


async def test_a_column_without_room_is_named_in_the_line(tmp_path: Path) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, different())
        while screen._order.sort != "memory":
            await pilot.press("s")
        await pilot.pause()
        assert "sorted by Memory, which has no room here" in line(screen)


async def test_o_groups_by_criticality_and_by_group(tmp_path: Path) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(120, 40)) as pilot:
        screen = await show(pilot, different())
        await pilot.press("o")
        await pilot.pause()
        assert names(screen)[-1] == "registry"
        assert "Matters" in screen.query_one(FleetTable).render_line(0).text
        assert "grouped by criticality" in line(screen)
        # nobody is in a group, so that a column of groups would be empty
        await pilot.press("o")
        await pilot.pause()
        assert "Matters" not in screen.query_one(FleetTable).render_line(0).text
        assert line(screen) == ""
        grouped = different()
        await show(pilot, fleet_of(*(replace(one, group=one.name[0]) for one in grouped.canisters)))
        await pilot.press("o", "o")
        await pilot.pause()
        assert "Group" in screen.query_one(FleetTable).render_line(0).text
        assert [name[0] for name in names(screen)] == ["b", "i", "r", "r"]
        # a later picture in which nobody is in a group any more
        await show(pilot, different())
        assert "Group" not in screen.query_one(FleetTable).render_line(0).text
        assert line(screen) == ""


async def test_a_filter_shows_what_it_hides_and_escape_ends_it(tmp_path: Path) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, different())
        await pilot.press("slash", *"is:stopped")
        await pilot.pause()
        await pilot.pause()
        assert names(screen) == ["bitcoin-integration"]
        assert "1 of 4 shown: is:stopped" in line(screen)
        assert "1 critical is hidden" in line(screen)
        assert screen.quri.selected_id == BITCOIN
        await pilot.press("enter")
        await pilot.pause()
        assert not screen.query_one("#filter").display
        assert screen.query_one(FleetTable).has_focus
        await pilot.press("escape")
        await pilot.pause()
        assert len(names(screen)) == 4
        assert line(screen) == ""
        assert screen.quri.selected_id == BITCOIN


async def test_letters_go_into_the_filter_and_not_to_the_keys(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, different())
        await pilot.press("slash", *"qbrx")
        await pilot.pause()
        assert app.screen is screen
        assert screen.query_one("#filter", Input).value == "qbrx"
        assert "No canister is what the filter asks for." in table_text(screen)


async def test_while_nothing_is_shown_nothing_is_selected_and_then_it_is_the_same_again(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, different())
        await pilot.press("j", "j", "slash", *"nobody")
        await pilot.pause()
        assert app.selected_id is None
        assert "No canister is selected." in plain(screen.query_one(CanisterDetail))
        assert screen.why_not("back_up") == "no canister is selected"
        await pilot.press("escape")
        await pilot.pause()
        assert app.selected_id == screen.query_one(FleetTable).selected_canister == BITCOIN


async def test_one_that_stops_matching_stays_while_the_cursor_stands_on_it(tmp_path: Path) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, different())
        await pilot.press("slash", *"is:stopped", "enter")
        started = different()
        await show(
            pilot, replace(started, canisters=tuple(replace(one, status="running") for one in started.canisters))
        )
        assert names(screen) == ["bitcoin-integration"]
        assert "gone" not in table_text(screen)
        assert "0 of 4 shown" in line(screen)


async def test_a_broken_pattern_hides_nothing_and_says_so(tmp_path: Path) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, different())
        await pilot.press("slash", *"/(")
        await pilot.pause()
        assert len(names(screen)) == 4
        assert "The filter is not used" in line(screen)


async def test_going_to_a_canister_that_the_filter_hides_shows_it(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, different())
        await pilot.press("slash", *"is:stopped", "enter")
        await pilot.press("colon", *"rune-eng", "enter")
        await pilot.pause()
        await pilot.pause()
        assert app.selected_id == RUNE
        screen.redraw()
        assert screen.query_one(FleetTable).selected_canister == RUNE


async def test_the_next_console_begins_as_this_one_was_left(tmp_path: Path) -> None:
    console = console_without_network(tmp_path)
    async with QuriApp(console).run_test(size=(120, 40)) as pilot:
        await show(pilot, different())
        await pilot.press("s", "S", "o", "slash", *"i", "enter")
        await pilot.pause()
    async with QuriApp(console).run_test(size=(120, 40)) as pilot:
        screen = await show(pilot, different())
        assert names(screen) == ["rune-engine", "identity-manager", "bitcoin-integration", "registry"]
        assert "4 of 4 shown: i" in line(screen)


async def test_a_mangled_memory_is_no_reason_not_to_open(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    for key, value in {"sort": "\x1b", "descending": "x", "grouping": 7, "filter": "/("}.items():
        app.session_state.put("fleet", key, value)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, different())
        assert len(names(screen)) == 4


async def test_marked_canisters_are_backed_up_together_and_each_is_named(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, different())
        await pilot.press("space", "space")
        await pilot.pause()
        assert "2 marked" in line(screen)
        await pilot.press("b")
        await pilot.pause()
        assert isinstance(app.screen, BackupScreen)
        assert app.screen.target == "local/rune-engine,registry"
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert line(screen) == ""
        assert screen.marked == ()


async def test_marks_that_a_filter_hides_do_not_count(tmp_path: Path) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, different())
        await pilot.press("space", "space", "end", "space")
        await pilot.pause()
        assert "3 marked" in line(screen)
        await pilot.press("slash", *"registry", "enter")
        await pilot.pause()
        assert [one.name for one in screen.marked] == ["registry"]


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (200, 50)])
async def test_hostile_names_and_groups_are_harmless_everywhere(tmp_path: Path, size: tuple[int, int]) -> None:
    evil = "\x1b[2J\u202e[bold]" + "𝕏é日" * 2000
    hostile = replace(different().canisters[0], name=evil, group=evil, settings=f'{{"{"x" * 9000}":"\\u001b"}}')
    async with QuriApp(console_without_network(tmp_path)).run_test(size=size) as pilot:
        screen = await show(pilot, fleet_of(hostile, *different().canisters[1:]))
        await pilot.press("o", "o", "i", "slash", *"[bold]", "enter")
        await pilot.pause()
        shown = table_text(screen) + plain(screen.query_one(CanisterDetail)) + line(screen)
        assert "\\e[2J\\u{202e}[bold]" in shown
        assert not any(character in shown for character in "\x1b\u202e")
        table = screen.query_one(FleetTable)
        assert all(table.render_line(y).cell_length == table.size.width for y in range(table.size.height))


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_the_selected_canister_is_in_view_however_many_there_are(tmp_path: Path, size: tuple[int, int]) -> None:
    many = fleet_of(*(replace(FOUR.canisters[0], name=f"c{n}", canister_id=f"id-{n}") for n in range(500)))
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=size) as pilot:
        await show(pilot, FOUR)
        app.selected_id = "id-400"
        screen = await show(pilot, many)
        await pilot.pause()
        assert "c400 " in table_text(screen)
        await pilot.resize_terminal(100, 20)
        await pilot.pause()
        await pilot.pause()
        assert "c400 " in table_text(screen)


async def test_a_thousand_canisters_are_drawn_within_a_frame_or_two(tmp_path: Path) -> None:
    many = fleet_of(
        *(
            replace(FOUR.canisters[0], name=f"canister-{number:04}", canister_id=f"id-{number}", cycles=number * 10**9)
            for number in range(1000)
        )
    )
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(120, 40)) as pilot:
        screen = await show(pilot, many)
        await pilot.press("s", "end")
        await pilot.pause()
        assert screen.quri.selected_id == "id-999"
        later = replace(many, taken_at_ns=many.taken_at_ns + 60 * SECOND, canisters=many.canisters[:500])
        await show(pilot, later)
        assert screen.query_one(FleetTable).cursor_is_gone
        assert screen.selected is None
