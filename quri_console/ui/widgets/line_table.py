"""A live table that sends only the cells that changed: `ScrollView` and `render_line` instead of DataTable.

DataTable sends its whole viewport at every change (19 kB at 120×40); here one changed cell is about 50 bytes. The
cursor holds on to a row's key, never to its number: a row that vanishes under it stays, marked gone, until the cursor
moves, and the order stands still while somebody moves through it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip

from quri_console.render.column_widths import ColumnWidths
from quri_console.render.grid import Column, PlacedColumn, Row
from quri_console.ui.roles import style_of
from quri_console.ui.widgets.cursor_table import CursorTable
from quri_console.ui.widgets.row_strips import changed_stretches, header_strip, row_strip, text_strip


class LineTable(CursorTable):
    """Rows of cells under a header line of its own; see the module."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"line-table--cursor", "line-table--marked"}
    DEFAULT_CSS = """
    LineTable { scrollbar-size: 1 1; overflow-x: hidden; height: 1fr; background: $background; color: $foreground; }
    LineTable > .line-table--cursor { background: $panel; text-style: bold; }
    LineTable > .line-table--marked { text-style: underline; }
    LineTable:nocolor > .line-table--cursor { text-style: reverse; }
    """

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        id: str | None = None,  # noqa: A002 - Textual's own parameter
        empty: str = "Nothing here.",
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(id=id, seconds=seconds)
        self._columns = tuple(columns)
        self.empty = empty
        self._placed: tuple[PlacedColumn, ...] = ()
        self._widths = ColumnWidths()
        self._sorted_by: tuple[str, bool] | None = None

    # what it shows

    @property
    def placed(self) -> tuple[PlacedColumn, ...]:
        """The columns that fit."""
        return self._placed

    def use_columns(self, columns: Sequence[Column]) -> None:
        """Show other columns from the next rows on."""
        if tuple(columns) != self._columns:
            self._columns = tuple(columns)
            self._widths.forget()
            self._placed = ()

    def show_rows(self, rows: Iterable[Row], *, sorted_by: tuple[str, bool] | None = None, asked: bool = False) -> None:
        """Bring the table to these rows; `sorted_by` is for the header: a column's key, and whether descending.

        `asked`: a key was pressed for them, so the order does not wait until somebody navigates no more.
        """
        if asked:
            self._moved_at = float("-inf")
        self._standing.give(tuple(rows))
        self._sorted_by = sorted_by
        self._settle()

    def text_of_rows(self) -> str:
        """All that stands in the table as plain text, for copying."""
        lines = ["\t".join(place.column.title for place in self._placed)]
        lines += ["\t".join(row.cells[place.index].text for place in self._placed) for row in self.rows]
        return "\n".join(lines)

    # bringing it up to date

    def _settle(self) -> None:
        if not self._standing.given:
            return
        before = self._standing.settle(self._cursor, still=self._must_stand_still())
        rows, width = self.rows, self.size.width or self.app.size.width
        if self._cursor is None and rows:
            self._cursor = rows[0].key
            self.call_later(self._tell)
        placed = self._widths.place(self._columns, rows, width)
        size = Size(self.size.width, max(len(rows), 1) + 1)
        if placed != self._placed or size != self.virtual_size or not before:
            self._placed, self.virtual_size = placed, size
            self.refresh()
        else:
            self._refresh_changes(before)
        self._move_real_cursor()

    def _refresh_changes(self, before: tuple[Row, ...]) -> None:
        top, rows = self.scroll_offset.y, self.rows
        for number in range(top, min(top + self.size.height - 1, len(rows))):
            old = before[number] if number < len(before) else None
            for start, width in changed_stretches(old, rows[number], self._placed, self.size.width):
                self.refresh(Region(start, number + 1 - top, width, 1))

    def on_resize(self) -> None:
        self._widths.forget()
        self._placed = ()
        self._settle()
        self._scroll_to_cursor()

    # drawing

    def render_line(self, y: int) -> Strip:
        width, muted = self.size.width, self._blank + style_of(self.app, "muted")
        if y == 0:
            return header_strip(self._placed, self._sorted_by, width, muted + Style(bold=True))
        number = y - 1 + self.scroll_offset.y
        if number < len(self.rows):
            row = self.rows[number]
            marked = row.key in self._marked
            return row_strip(self.app, row, self._placed, width, self._base_of(row), marked=marked)
        if not self.rows and number == 0:
            return text_strip(self.empty, width, muted)
        return Strip.blank(width, self._blank)

    @property
    def _blank(self) -> Style:
        return self.visual_style.rich_style

    def _base_of(self, row: Row) -> Style:
        base = self._blank
        if row.key in self._marked:
            base += self.get_component_rich_style("line-table--marked", partial=True)
        if row.key == self._cursor:
            base += self.get_component_rich_style("line-table--cursor", partial=True)
        return base
