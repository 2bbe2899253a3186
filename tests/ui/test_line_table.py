"""The cursor belongs to a thing, not to a line; the order stands still under it; only what changed is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from quri_console.render.grid import Cell, Column, Row
from quri_console.ui.widgets.line_table import LineTable

COLUMNS = (Column("name", "Name"), Column("state", "State"), Column("more", "More", priority=1))


def rows(names: Sequence[str], state: str = "ok") -> list[Row]:
    return [Row(name, (Cell(name), Cell(state), Cell("-"))) for name in names]


@dataclass
class Stage:
    pilot: Pilot[None]
    table: LineTable
    seconds: list[float]

    def names(self) -> list[str]:
        return [row.key for row in self.table.rows]

    def shown(self) -> str:
        return "\n".join(self.table.render_line(line).text for line in range(self.table.size.height))


@asynccontextmanager
async def stage(names: Sequence[str]) -> AsyncIterator[Stage]:
    seconds = [100.0]

    class Stand(App[None]):
        def compose(self) -> ComposeResult:
            yield LineTable(COLUMNS, seconds=lambda: seconds[0])

    async with Stand().run_test(size=(60, 8)) as pilot:
        table = pilot.app.query_one(LineTable)
        table.focus()
        table.show_rows(rows(names))
        await pilot.pause()
        yield Stage(pilot, table, seconds)


async def test_the_cursor_stays_on_its_row_when_the_order_changes() -> None:
    async with stage("abcd") as scene:
        await scene.pilot.press("down", "j")
        scene.seconds[0] += 10
        scene.table.show_rows(rows("dcba"))
        assert scene.names() == list("dcba")
        assert scene.table.cursor_key == "c"


async def test_the_order_stands_still_while_somebody_moves() -> None:
    async with stage("abcd") as scene:
        await scene.pilot.press("down")
        scene.table.show_rows(rows("dcbae"))
        assert scene.names() == list("abcde")
        scene.seconds[0] += 10
        scene.table.show_rows(rows("dcbae"))
        assert scene.names() == list("dcbae")


async def test_a_row_that_vanishes_under_the_cursor_says_gone_until_the_cursor_leaves() -> None:
    async with stage("abcd") as scene:
        await scene.pilot.press("down")
        scene.seconds[0] += 10
        scene.table.show_rows(rows("acd"))
        assert scene.table.cursor_key == "b"
        assert scene.table.cursor_is_gone
        assert "gone" in scene.shown()
        scene.table.show_rows(rows("acd"))
        assert scene.names() == list("abcd")
        await scene.pilot.press("down")
        scene.seconds[0] += 10
        scene.table.show_rows(rows("acd"))
        assert scene.names() == list("acd")
        assert scene.table.cursor_key == "c"


async def test_only_the_changed_cell_is_drawn_again() -> None:
    async with stage("abcd") as scene:
        painted: list[Region] = []
        scene.table.refresh = lambda *regions, **_: painted.extend(regions)  # type: ignore[method-assign]
        scene.table.show_rows(rows("abcd"))
        assert painted == []
        changed = rows("abcd")
        changed[2] = Row("c", (Cell("c"), Cell("no"), Cell("-")))
        scene.table.show_rows(changed)
        assert len(painted) == 1
        assert painted[0].y == 3
        assert painted[0].width < 10


async def test_long_tables_scroll_with_the_cursor_under_a_header_that_stays() -> None:
    names = [f"row-{number:03}" for number in range(100)]
    async with stage(names) as scene:
        await scene.pilot.press("G")
        await scene.pilot.pause()
        assert "row-099" in scene.shown()
        assert scene.shown().startswith(" Name")
        await scene.pilot.press("pageup")
        await scene.pilot.pause()
        assert scene.table.cursor_key == "row-093"
        await scene.pilot.press("home")
        assert "row-000" in scene.shown()


async def test_marks_stay_with_their_rows() -> None:
    async with stage("abcd") as scene:
        await scene.pilot.press("space", "space")
        assert scene.table.marked == {"a", "b"}
        assert "*a" in scene.shown()
        scene.table.clear_marks()
        assert scene.table.marked == frozenset()


async def test_an_empty_table_says_so() -> None:
    async with stage("") as scene:
        assert "Nothing here." in scene.shown()
        await scene.pilot.press("down", "enter", "space")
        assert scene.table.cursor_key is None


async def test_the_mark_of_the_sorted_column_takes_no_letter_of_its_title() -> None:
    async with stage("abcd") as scene:
        for sorted_by, header in (
            (("state", False), " Name  State▴ More "),
            (("name", True), " Name▾ State  More "),
            (None, " Name  State  More "),
        ):
            scene.table.show_rows(rows("abcd"), sorted_by=sorted_by)
            assert scene.table.render_line(0).text.startswith(header)
        scene.table.show_rows(rows(["a long name"]), sorted_by=("name", False))
        assert scene.table.render_line(0).text.startswith(" Name▴        State ")
