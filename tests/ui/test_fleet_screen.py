from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from quri_console.monitor.fleet import CanisterView, Finding, FleetStatus, Health
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


async def show(pilot: Pilot[int], fleet: FleetStatus) -> FleetScreen:
    app = pilot.app
    assert isinstance(app, QuriApp)
    # the service of this console has nothing to say that would replace the picture under test
    app._service.stop()
    app.post_message(FleetChanged(fleet))
    await pilot.pause()
    await pilot.pause()
    assert isinstance(app.screen, FleetScreen)
    return app.screen


def table_text(screen: FleetScreen) -> str:
    table = screen.query_one(FleetTable)
    return "\n".join(" ".join(cell.plain for cell in table.get_row_at(row)) for row in range(table.row_count))


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
            {"name", "health", "status", "cycles", "runway", "burn", "memory", "backup", "age", "trend"},
        ),
    ],
)
async def test_columns_that_do_not_fit_give_way_by_importance(
    tmp_path: Path, size: tuple[int, int], columns: set[str]
) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=size) as pilot:
        screen = await show(pilot, FOUR)
        table = screen.query_one(FleetTable)
        assert {column.key.value for column in table.ordered_columns} >= columns
        assert table.virtual_size.width <= size[0]


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
        written: list[tuple[str, str]] = []
        original = table.update_cell
        monkeypatch.setattr(
            table,
            "update_cell",
            lambda row, column, value: (written.append((row, column)), original(row, column, value)),
        )
        # the ages stand still, because both pictures are drawn for the same moment
        table.show(FOUR, NOW_NS)
        written.clear()
        poorer = replace(FOUR.canisters[0], cycles=300_000_000_000)
        table.show(replace(FOUR, canisters=(poorer, *FOUR.canisters[1:])), NOW_NS)
        assert written == [(FLEET["rune-engine"], "cycles")]


async def test_the_detail_says_how_long_the_cycles_last_and_why_it_worries(tmp_path: Path) -> None:
    async with QuriApp(console_without_network(tmp_path)).run_test(size=(80, 24)) as pilot:
        screen = await show(pilot, FOUR)
        detail = plain(screen.query_one(CanisterDetail))
        assert "492 B cycles, burning ≈ 12 B a day, frozen in ≈ 23 d 12 h" in detail
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
        assert table.row_count == 4
