"""The cycles view on histories of months, of nothing, and of what nobody would believe."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widgets import Input

from quri_console.console import Console
from quri_console.monitor.fleet import FleetStatus
from quri_console.render.cycles_window import RANGES
from quri_console.render.spans import plain
from quri_console.ui.app import QuriApp
from quri_console.ui.messages import FleetChanged
from quri_console.ui.options import Manner
from quri_console.ui.screens.cycles import CyclesScreen
from quri_console.ui.screens.fleet import FleetScreen
from quri_console.ui.screens.question import Question
from quri_console.ui.widgets.chart import ChartView, SpanLines
from quri_console.ui.widgets.chart_table import RunwayTable
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.lines_view import LinesView
from tests.support.consoles import FLEET, console_without_network
from tests.support.cycle_histories import BITCOIN, REGISTRY, RUNE, write_months
from tests.support.operator_command import operator_on_fleet


async def until(pilot: Pilot[int], condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await pilot.pause(0.02)


@asynccontextmanager
async def opened(
    console: Console, *, size: tuple[int, int] = (100, 30), ascii_only: bool = False, selected: str = RUNE
) -> AsyncIterator[tuple[Pilot[int], CyclesScreen]]:
    """The view on what the console's history has, drawn for the first time; no further round is shown."""
    app = QuriApp(console, manner=Manner(view="cycles", ascii=ascii_only), selected_id=selected)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.fleet is not None and isinstance(app.screen, CyclesScreen))
        assert app._service is not None
        app._service.stop()
        screen = app.screen
        assert isinstance(screen, CyclesScreen)
        await until(pilot, lambda: bool(screen.query_one(ChartView).picture.lines) and bool(screen._book.burns))
        await pilot.pause()
        await drawn(pilot, screen)
        yield pilot, screen


async def drawn(pilot: Pilot[int], screen: CyclesScreen) -> None:
    """Wait until the picture is the one that was asked for."""

    def ready() -> bool:
        asked, plot = screen._asked, screen._plot
        return asked is not None and plot is not None and plot.window == asked.window and not screen.workers._workers

    await pilot.pause()
    await until(pilot, ready)
    await pilot.pause()


@pytest.fixture
async def months(tmp_path: Path) -> Console:
    """A console whose network is gone, with two months of history."""
    console = console_without_network(tmp_path)
    await write_months(console.config.paths.history, console.clock.now_ns())
    return console


def words(screen: CyclesScreen, name: str) -> str:
    """The text of one of the places, on one line."""
    widget = screen.query_one(name)
    if isinstance(widget, SpanLines):
        return " ".join(plain(line).strip() for line in widget.lines) + "  "
    return str(screen.query_one(name, LinesView).render())


def chart_text(screen: CyclesScreen) -> str:
    chart = screen.query_one(ChartView)
    return "\n".join(chart.render_line(line).text for line in range(chart.size.height))


async def test_every_range_is_drawn_with_its_limits_and_events(months: Console) -> None:
    async with opened(months) as (pilot, screen):
        assert "burning ≈ 1.28 T/day, frozen in ≈ " in words(screen, "#heading")
        await pilot.press(*["left_square_bracket"] * 9)
        await drawn(pilot, screen)
        for chosen in RANGES:
            assert f"  {chosen.label}  " in words(screen, "#heading")
            assert "events" in chart_text(screen)
            assert max(map(len, chart_text(screen).split("\n"))) <= 100
            await pilot.press("right_square_bracket")
            await drawn(pilot, screen)
        assert screen._wish.label == "5 y"
        assert "M module changed" in words(screen, "#reading")
        assert "freezing limit 213 B" in words(screen, "#reading")
        await pilot.press("left_square_bracket", "left_square_bracket")
        await drawn(pilot, screen)
        text = chart_text(screen)
        assert "M" in text
        assert "+" in text
        assert "░" in text


async def test_the_cursor_reads_values_and_writes_two_cells(months: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(months, size=(120, 40)) as (pilot, screen):
        chart = screen.query_one(ChartView)
        await pilot.press("left")
        assert chart.cursor == chart.picture.columns - screen._plot.window.future - 1  # type: ignore[union-attr]
        await pilot.press("left", "left", "left")
        assert "burn ≈ " in words(screen, "#reading")
        assert "▲" in chart_text(screen)
        written: list[Region] = []
        monkeypatch.setattr(chart, "refresh", lambda *regions, **_: written.extend(regions))
        await pilot.press("left")
        assert len(written) <= 4
        assert {(region.width, region.height) for region in written} == {(1, 1)}
        await pilot.press(*["L"] * 20)
        assert chart.cursor == chart.picture.columns - 1
        assert "expected ≈ " in words(screen, "#reading")
        await pilot.press(*["H"] * 20)
        assert chart.cursor == 0
        await pilot.press("escape")
        assert chart.cursor is None
        assert "freezing limit" in words(screen, "#reading")


async def test_enter_goes_to_the_canister_and_h_comes_back(months: Console) -> None:
    async with opened(months) as (pilot, screen):
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, FleetScreen))
        await pilot.pause()
        assert pilot.app.screen.query_one(LineTable).cursor_key == REGISTRY
        await pilot.press("h")
        await until(pilot, lambda: pilot.app.screen is screen)
        await drawn(pilot, screen)
        assert words(screen, "#heading").startswith("registry")


async def test_marked_canisters_are_drawn_together(months: Console) -> None:
    async with opened(months) as (pilot, screen):
        table = screen.query_one(RunwayTable)
        assert [row.key for row in table.rows][:2] == [RUNE, REGISTRY]
        await pilot.press("down")
        await drawn(pilot, screen)
        assert words(screen, "#heading").startswith("registry")
        assert screen.shown_canisters == (REGISTRY,)
        await pilot.press("up", "space", "space")
        await drawn(pilot, screen)
        assert set(screen.shown_canisters) == {RUNE, REGISTRY}
        assert "1 rune-engine, 2 registry" in words(screen, "#heading")
        assert "2222" in chart_text(screen)
        assert pilot.app.selected_id == BITCOIN  # type: ignore[attr-defined]


async def test_a_mark_in_the_last_row_is_drawn_too(months: Console) -> None:
    async with opened(months) as (pilot, screen):
        await pilot.press("G", "space")
        await drawn(pilot, screen)
        last = screen.query_one(RunwayTable).rows[-1].key
        assert screen.shown_canisters == (last,)
        assert "cycles not known" in words(screen, "#heading")


async def test_the_scale_can_begin_at_zero(months: Console) -> None:
    async with opened(months) as (pilot, screen):
        assert "(below)" in words(screen, "#reading")
        await pilot.press("y")
        await drawn(pilot, screen)
        assert "0┤" in chart_text(screen)
        assert "(below)" not in words(screen, "#reading")
        await pilot.press("y")
        await drawn(pilot, screen)
        assert "(below)" in words(screen, "#reading")


async def test_range_and_scale_are_remembered(months: Console) -> None:
    async with opened(months) as (pilot, screen):
        await pilot.press("right_square_bracket", "y")
        await drawn(pilot, screen)
        assert screen._wish.label == "7 d"
    async with opened(months) as (_, screen):
        assert screen._wish.label == "7 d"
        assert not screen._wish.begins_at_zero


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((60, 15), ["chart", "table", "words"]),
        ((80, 24), ["table", "words", "chart"]),
        ((120, 40), ["table words", "words", "chart"]),
        ((200, 50), ["table words", "words", "chart"]),
    ],
)
async def test_what_there_is_room_for(months: Console, size: tuple[int, int], shown: list[str]) -> None:
    async with opened(months, size=size) as (pilot, screen):
        for companions in shown:
            chart, table, more = (screen.query_one(name) for name in ("#chart", "#runway", "#more"))
            seen = {"table": table.region.area > 0, "words": more.region.area > 0}
            assert seen == {name: name in companions for name in seen}, companions
            assert chart.region.height >= 6
            assert chart.region.right <= size[0]
            if size[0] == 200 and seen["table"]:
                assert table.region.x >= chart.region.right
            await pilot.press("t")
            await drawn(pilot, screen)


async def test_all_else_is_in_the_words(months: Console) -> None:
    async with opened(months, size=(80, 24)) as (pilot, screen):
        await pilot.press("t")
        text = words(screen, "#words")
        assert "of the last 30" in text.replace("\n", " ")
        assert "first to freeze: rune-engine" in text
        assert "no payer is configured" in text.replace("\n", " ")


async def test_resizing_draws_for_the_new_size(months: Console) -> None:
    async with opened(months, size=(200, 50)) as (pilot, screen):
        for size in ((80, 24), (60, 15), (140, 30), (200, 50)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            await drawn(pilot, screen)
            chart = screen.query_one(ChartView)
            assert len(chart.picture.lines) == chart.size.height
            assert max(len(plain(line)) for line in chart.picture.lines) <= chart.size.width


async def test_the_same_picture_again_repaints_nothing(months: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(months, size=(120, 40)) as (pilot, screen):
        chart, asked = screen.query_one(ChartView), screen._asked
        painted: list[str] = []
        for widget in (*screen.query(SpanLines), *screen.query(LinesView)):
            monkeypatch.setattr(widget, "refresh", lambda *_, name=widget.id, **__: painted.append(str(name)))
        pilot.app.action_pause()  # type: ignore[attr-defined]
        await drawn(pilot, screen)
        painted.clear()
        chart.show(replace(chart.picture))
        screen.redraw()
        await drawn(pilot, screen)
        assert painted == []
        assert asked is not None


async def test_nothing_is_known_yet(tmp_path: Path) -> None:
    async with opened(console_without_network(tmp_path), size=(80, 24)) as (pilot, screen):
        assert "cycles not known: no sample yet" in words(screen, "#heading").replace("\n", " ").replace("  ", " ")
        await pilot.press("left", "left")
        assert "no sample" in words(screen, "#reading")
        assert len(screen.query_one(RunwayTable).rows) == len(FLEET)


async def test_a_balance_of_ten_to_the_38(months: Console) -> None:
    async with opened(months, selected=REGISTRY) as (pilot, screen):
        assert words(screen, "#heading").startswith("registry")
        await pilot.press("right_square_bracket", "right_square_bracket", "left", "left")
        await drawn(pilot, screen)
        assert "e37" in chart_text(screen)
        assert "e+37" in words(screen, "#reading")


async def test_ascii_only(months: Console) -> None:
    async with opened(months, ascii_only=True) as (pilot, screen):
        await pilot.press("left")
        assert "^" in chart_text(screen)
        assert chart_text(screen).isascii()


async def test_no_colour_is_written_when_none_is_wanted(months: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(months) as (pilot, screen):
        await pilot.press("space", "space", "left")
        await drawn(pilot, screen)
        assert pilot.app.ansi_color
        text = chart_text(screen)
        assert "1" * 3 in text
        assert "2" * 3 in text


async def test_hostile_names_are_shown_harmlessly(months: Console) -> None:
    async with opened(months, size=(200, 50)) as (pilot, screen):
        app = pilot.app
        assert isinstance(app, QuriApp)
        assert app.fleet is not None
        hostile = replace(app.fleet.canisters[0], name="\x1b[31m[bold]evil[/]\u202e" * 20)
        app.post_message(FleetChanged(replace(app.fleet, canisters=(hostile, *app.fleet.canisters[1:]))))
        await pilot.pause()
        await drawn(pilot, screen)
        table = screen.query_one(RunwayTable)
        text = "\n".join(table.render_line(line).text for line in range(table.size.height)) + words(screen, "#words")
        assert "\\e[31m[bold]evil[/]" in text
        assert not any(character in text for character in "\x1b\u202e")


async def test_a_fleet_of_nobody_has_no_chart(months: Console) -> None:
    async with opened(months) as (pilot, screen):
        app = pilot.app
        assert isinstance(app, QuriApp)
        assert app.fleet is not None
        app.post_message(FleetChanged(FleetStatus("local", False, app.fleet.taken_at_ns, 60.0, ())))
        await pilot.pause()
        await pilot.pause()
        assert screen.shown_canisters == ()


# export


async def export(pilot: Pilot[int], name: str = "") -> str:
    """Answer the question for a file; what was said then."""
    before = len(pilot.app.notices.all)  # type: ignore[attr-defined]
    await pilot.press("e")
    await pilot.pause()
    assert isinstance(pilot.app.screen, Question)
    if name:
        pilot.app.screen.query_one(Input).value = name
    await pilot.press("enter")
    await until(pilot, lambda: len(pilot.app.notices.all) > before)  # type: ignore[attr-defined]
    return str(pilot.app.notices.all[-1].message)  # type: ignore[attr-defined]


async def test_what_is_shown_is_exported(months: Console, tmp_path: Path) -> None:
    async with opened(months) as (pilot, screen):
        folder = months.config.paths.state / "exports"
        assert str(folder) in await export(pilot)
        (written,) = folder.iterdir()
        assert written.name.startswith(f"cycles-{RUNE}-")
        with written.open() as file:
            assert {row["canister"] for row in csv.DictReader(file)} == {"rune-engine"}
        assert "Written to" in await export(pilot, str(tmp_path / "chart.json"))
        assert '"freezing_limit": 213000000000' in (tmp_path / "chart.json").read_text()
        assert "Written to" in await export(pilot, str(tmp_path / "screen.svg"))
        picture = (tmp_path / "screen.svg").read_text()
        assert picture.startswith("<svg")
        assert "Export&#160;into" not in picture
        assert "burning" in picture
        assert "is there already" in await export(pilot, str(tmp_path / "chart.json"))
        assert "ends in none of" in await export(pilot, str(tmp_path / "chart.exe"))
        assert pilot.app.screen is screen


async def test_leaving_the_question_writes_nothing(months: Console) -> None:
    async with opened(months) as (pilot, screen):
        await pilot.press("e", "escape")
        await pilot.pause()
        assert pilot.app.screen is screen
        assert not (months.config.paths.state / "exports").exists()


async def test_a_history_that_cannot_be_read_is_said_once(months: Console) -> None:
    async with opened(months) as (pilot, screen):
        app = pilot.app
        assert isinstance(app, QuriApp)
        history = months.config.paths.history
        history.unlink()
        for suffix in ("-wal", "-shm"):
            history.with_name(history.name + suffix).unlink(missing_ok=True)
        history.mkdir()
        before = len(app.notices.all)
        for _ in range(3):
            await pilot.press("right_square_bracket")
            await until(pilot, lambda: not screen.workers._workers)
            await pilot.pause()
        assert len(app.notices.all) == before + 1


async def test_what_is_copied_is_what_is_seen(months: Console) -> None:
    async with opened(months) as (_, screen):
        text = screen.text_to_copy()
        assert "burning ≈ 1.28 T/day" in text
        assert "┤" in text
        assert "identity-manager" in text


async def test_on_a_network_the_newest_samples_are_charted(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        await operator("monitor", "--quiet")
        console = Console.open(config_path=operator.config)
        async with opened(console, size=(80, 24)) as (pilot, screen):
            await pilot.press(*["left_square_bracket"] * 2, "left")
            await drawn(pilot, screen)
            assert "  1 h  " in words(screen, "#heading")
            assert any(spot is not None for spot in screen.query_one(ChartView).picture.spots)
