from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widgets import Static

from quri_console.monitor.fleet import CanisterView, Finding, FleetStatus, Health
from quri_console.render.filtering import FleetFilter
from quri_console.render.fleet_shown import FLEET_COLUMNS, FleetOrder, FleetShown, fleet_shown
from quri_console.ui.app import QuriApp
from quri_console.ui.messages import FleetChanged
from quri_console.ui.screens.fleet import FleetScreen
from quri_console.ui.screens.help import HelpScreen
from quri_console.ui.widgets.canister_detail import CanisterDetail
from quri_console.ui.widgets.fleet_table import FleetTable
from quri_console.ui.widgets.status_bar import StatusBar
from tests.support.consoles import FLEET, console_without_network
from tests.support.fleets import HEALTHY, NOW_NS, SECOND


def view(name: str, canister_id: str) -> CanisterView:
    return replace(
        HEALTHY,
        name=name,
        canister_id=canister_id,
        cycles=492_000_000_000,
        runway_seconds=23.5 * 86_400,
        sampled_at_ns=NOW_NS,
        attempted_at_ns=NOW_NS,
        health=Health("warning", (Finding("cycles-low", "warning", "below the warning threshold of 1 T"),)),
        last_backup_at_ns=None,
        cycles_series=((NOW_NS - 3600 * SECOND, 500_000_000_000), (NOW_NS, 492_000_000_000)),
    )


def fleet_of(*views: CanisterView) -> FleetStatus:
    return FleetStatus("local", False, NOW_NS, 60.0, views)


FOUR = fleet_of(*(view(name, canister_id) for name, canister_id in FLEET.items()))


def shown(fleet: FleetStatus) -> FleetShown:
    return fleet_shown(fleet, FleetFilter(), FleetOrder(), NOW_NS)


async def show(pilot: Pilot[int], fleet: FleetStatus) -> FleetScreen:
    app = pilot.app
    assert isinstance(app, QuriApp)
    # the service of this console has nothing to say that would replace the picture under test
    assert app._service is not None
    app._service.stop()
    app.post_message(FleetChanged(fleet))
    await pilot.pause()
    await pilot.pause()
    assert isinstance(app.screen, FleetScreen)
    return app.screen


def table_text(screen: FleetScreen) -> str:
    table = screen.query_one(FleetTable)
    return "\n".join(table.render_line(line).text for line in range(1, table.size.height))


def plain(widget: Static) -> str:
    return str(widget.render())


async def test_without_a_network_the_console_opens_and_says_what_is_wrong(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        while app.fleet is None:
            await pilot.pause(0.05)
        await pilot.pause()
        assert isinstance(app.screen, FleetScreen)
        assert all(name in table_text(app.screen) for name in FLEET)


@pytest.mark.parametrize(
    ("size", "columns"),
    [
        ((60, 15), {"name", "health", "cycles", "runway", "age"}),
        ((80, 24), {"name", "health", "status", "cycles", "runway", "backup", "age"}),
        (
            (200, 50),
            {column.key for column in FLEET_COLUMNS},
        ),
        ((120, 40), {"name", "health", "status", "cycles", "runway", "burn", "change", "backup", "alert", "age"}),
    ],
)
async def test_columns_that_do_not_fit_give_way_by_importance(
    tmp_path: Path, size: tuple[int, int], columns: set[str]
) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=size) as pilot:
        screen = await show(pilot, FOUR)
        table = screen.query_one(FleetTable)
        assert table.visible_columns >= columns
        assert sum(place.width + 2 for place in table.placed) <= table.size.width


async def test_the_selection_stays_on_its_canister_when_the_order_changes(tmp_path: Path) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(120, 40)) as pilot:
        screen = await show(pilot, FOUR)
        await pilot.press("down", "down")
        table = screen.query_one(FleetTable)
        assert table.selected_canister == FLEET["bitcoin-integration"]
        await show(pilot, replace(FOUR, canisters=tuple(reversed(FOUR.canisters))))
        assert table.selected_canister == FLEET["bitcoin-integration"]
        assert screen.selected is not None
        assert screen.selected.name == "bitcoin-integration"


async def test_only_changed_cells_are_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(120, 40)) as pilot:
        screen = await show(pilot, FOUR)
        table = screen.query_one(FleetTable)
        written: list[Region] = []
        # the ages stand still, because both pictures are drawn for the same moment
        table.show(shown(FOUR), None)
        monkeypatch.setattr(table, "refresh", lambda *regions, **_: written.extend(regions))
        poorer = replace(FOUR.canisters[0], cycles=300_000_000_000)
        table.show(shown(replace(FOUR, canisters=(poorer, *FOUR.canisters[1:]))), None)
        before, changed = 0, []
        for place in table.placed:
            if place.column.key in ("cycles", "change"):
                changed.append(Region(before, 1, place.width + 2, 1))
            before += place.width + 2
        assert written == changed


async def test_the_detail_says_how_long_the_cycles_last_and_why_it_worries(tmp_path: Path) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, FOUR)
        detail = " ".join(plain(screen.query_one(CanisterDetail)).split())
        assert "492 B cycles, burning ≈ 12 B/day, frozen in" in detail
        assert "≈ 23 d 12 h, " in detail
        assert "below the warning threshold of 1 T" in detail
        assert "a query signed by a node" in detail


async def test_hostile_text_is_shown_harmlessly(tmp_path: Path) -> None:
    hostile = replace(
        view("\x1b[31m[bold]evil[/]\u202e", FLEET["registry"]),
        health=Health("critical", (Finding("rejected", "critical", "[red]\x07\x1b]52;c;cm0gLXJm\x07"),)),
        error="\x1b[2J",
    )
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(120, 40)) as pilot:
        screen = await show(pilot, fleet_of(hostile))
        shown = table_text(screen) + plain(screen.query_one(CanisterDetail))
        assert "\\e[31m[bold]evil[/]\\u{202e}" in shown
        assert not any(character in shown for character in "\x1b\x07\u202e")


async def test_a_production_network_is_badged_and_a_read_only_console_too(tmp_path: Path) -> None:
    console = console_without_network(tmp_path, production=True, read_only=True)
    async with QuriApp(console).run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, FOUR)
        assert " PRODUCTION " in plain(screen.query_one(StatusBar))
        assert " READ-ONLY " in plain(screen.query_one(StatusBar))


@pytest.mark.parametrize("key", ["b", "r"])
async def test_a_key_that_cannot_work_now_says_why(tmp_path: Path, key: str) -> None:
    app = QuriApp(console_without_network(tmp_path, read_only=True))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, FOUR)
        await pilot.press(key)
        await pilot.pause()
        assert app.screen is screen
        assert any("read-only" in notification.message for notification in app._notifications)


async def test_help_lists_every_key_and_closes(tmp_path: Path) -> None:
    app = QuriApp(console_without_network(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, FOUR)
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        assert "Restore" in plain(app.screen.query_one("#sheet", Static))
        await pilot.press("escape")
        assert app.screen is screen


async def test_resizing_keeps_the_picture(tmp_path: Path) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(200, 50)) as pilot:
        screen = await show(pilot, FOUR)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        await pilot.pause()
        table = screen.query_one(FleetTable)
        assert table.virtual_size.width <= 80
        assert len(table.rows) == 4


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 40), (200, 50)])
async def test_at_every_size_there_are_rows_and_a_detail(tmp_path: Path, size: tuple[int, int]) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=size) as pilot:
        screen = await show(pilot, FOUR)
        table, beside = screen.query_one(FleetTable), screen.query_one("#beside")
        assert table.size.height >= 5
        assert beside.size.height >= 3
        assert screen.has_class("-wide") == (size[0] >= 160)
        assert (beside.region.y == table.region.y) == (size[0] >= 160)
        assert screen.region.contains_region(beside.region)


async def test_more_is_said_of_the_canister_on_a_key_and_read_from_the_history(tmp_path: Path) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, FOUR)
        detail = screen.query_one(CanisterDetail)
        assert "Controllers" not in plain(detail)
        before = screen.query_one("#beside").size.height
        await pilot.press("i")
        while "none on this machine" not in plain(detail):
            await pilot.pause(0.02)
        assert "nothing happened" in plain(detail)
        assert screen.query_one("#beside").size.height > before
        await pilot.press("right_square_bracket")
        await pilot.pause()
        assert screen.query_one("#beside").scroll_offset.y > 0
        await pilot.press("left_square_bracket", "i")
        await pilot.pause()
        await pilot.pause()
        assert "Controllers" not in plain(detail)


async def test_beside_a_wide_table_everything_is_said_at_once(tmp_path: Path) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(200, 50)) as pilot:
        screen = await show(pilot, FOUR)
        assert "Controllers" in plain(screen.query_one(CanisterDetail))
        before = screen.query_one("#beside").size.width
        await pilot.press("i")
        await pilot.pause()
        assert screen.query_one("#beside").size.width > before


async def test_facts_of_one_canister_are_never_shown_of_another(tmp_path: Path) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(200, 50)) as pilot:
        screen = await show(pilot, FOUR)
        detail = screen.query_one(CanisterDetail)
        while "none on this machine" not in plain(detail):
            await pilot.pause(0.02)
        await pilot.press("j")
        await pilot.pause()
        assert "being read" in plain(detail)
        while "none on this machine" not in plain(detail):
            await pilot.pause(0.02)
