"""A live table that sends only the cells that changed: `ScrollView` and `render_line` instead of DataTable.

DataTable sends its whole viewport at every change (19 kB at 120×40); here one changed cell is about 50 bytes. The
cursor holds on to a row's key, never to its number: a row that vanishes under it stays, marked gone, until the cursor
moves, and the order stands still while somebody moves through it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from quri_console.render.grid import CELL_PADDING, Cell, Column, PlacedColumn, Row, place_columns
from quri_console.render.width import cell_width, fitted
from quri_console.ui.roles import style_of

STILL_SECONDS = 3.0
"""How long the order stands still after the cursor moved."""
GONE = "gone"
_PADDING = " " * CELL_PADDING


class LineTable(ScrollView, can_focus=True):
    """Rows of cells under a header line of its own; see the module."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"line-table--cursor", "line-table--marked"}
    DEFAULT_CSS = """
    LineTable { scrollbar-size: 1 1; overflow-x: hidden; height: 1fr; background: $background; color: $foreground; }
    LineTable > .line-table--cursor { background: $panel; text-style: bold; }
    LineTable > .line-table--marked { text-style: underline; }
    LineTable:nocolor > .line-table--cursor { text-style: reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("home,g", "edge(-1)", "First", show=False),
        Binding("end,G", "edge(1)", "Last", show=False),
        Binding("enter", "choose", "Choose", show=False),
        Binding("space", "mark", "Mark", show=False),
    ]

    KEY_HELP: ClassVar[tuple[str, tuple[tuple[str, str, str], ...]]] = (
        "In this table",
        (
            ("↑ ↓ j k", "Choose", "Another row; it is held on to when the order changes, and marked when it is gone."),
            ("PgUp PgDn", "Page", "A screenful up or down."),
            ("Home g", "First", "The first row."),
            ("End G", "Last", "The last row."),
            ("Space", "Mark", "Mark the row, or take its mark away."),
            ("Enter", "Open", "What there is to the row."),
        ),
    )

    class Highlighted(Message):
        """The cursor stands on another row; None: there is none."""

        def __init__(self, table: LineTable, key: str | None) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> LineTable:
            """The table, for `@on` with a selector."""
            return self.table

    class Chosen(Highlighted):
        """Enter was pressed on a row."""

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        id: str | None = None,  # noqa: A002 - Textual's own parameter
        empty: str = "Nothing here.",
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._empty = empty
        self._seconds = seconds
        self._rows: tuple[Row, ...] = ()
        self._places: dict[str, int] = {}
        self._placed: tuple[PlacedColumn, ...] = ()
        self._widths: dict[str, int] = {}
        self._waiting: tuple[Row, ...] | None = None
        self._moved_at = float("-inf")
        self._cursor: str | None = None
        self._marked: frozenset[str] = frozenset()
        self._sorted_by: tuple[str, bool] | None = None

    # what it shows

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor."""
        return self._cursor

    @property
    def marked(self) -> frozenset[str]:
        """Keys of the marked rows."""
        return self._marked

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows in the order in which they stand."""
        return self._rows

    @property
    def placed(self) -> tuple[PlacedColumn, ...]:
        """The columns that fit."""
        return self._placed

    @property
    def cursor_is_gone(self) -> bool:
        """Whether the row under the cursor is no longer among those that were given."""
        return self._cursor is not None and self._waiting is not None and self._is_gone(self._cursor, self._waiting)

    def show_rows(self, rows: Iterable[Row], *, sorted_by: tuple[str, bool] | None = None) -> None:
        """Bring the table to these rows; `sorted_by` is for the header: a column's key, and whether descending."""
        self._waiting = tuple(rows)
        self._sorted_by = sorted_by
        self._settle()

    def select(self, key: str | None) -> None:
        """Put the cursor on a row, if it is there."""
        if key is not None and key in self._places and key != self._cursor:
            self._put_cursor(key)

    def clear_marks(self) -> None:
        """Mark nothing."""
        self._marked = frozenset()
        self.refresh()

    def text_of_rows(self) -> str:
        """All that stands in the table as plain text, for copying."""
        lines = ["\t".join(place.column.title for place in self._placed)]
        lines += ["\t".join(row.cells[place.index].text for place in self._placed) for row in self._rows]
        return "\n".join(lines)

    # bringing it up to date

    def _settle(self) -> None:
        if self._waiting is None:
            return
        wanted = self._kept_still(self._waiting)
        wanted = self._with_gone(wanted)
        before, self._rows = self._rows, wanted
        self._places = {row.key: place for place, row in enumerate(wanted)}
        if self._cursor is None and wanted:
            self._cursor = wanted[0].key
            self.call_later(self._tell)
        placed = self._place()
        size = Size(self.size.width, max(len(wanted), 1) + 1)
        if placed != self._placed or size != self.virtual_size or not before:
            self._placed, self.virtual_size = placed, size
            self.refresh()
        else:
            self._refresh_changes(before)
        self._move_real_cursor()

    def _kept_still(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        """The rows in the old order while somebody navigates or a dialog is open; new ones at the end."""
        navigating = self._seconds() - self._moved_at < STILL_SECONDS
        covered = self.is_attached and self.app.screen is not self.screen
        if not (self._rows and (navigating or covered)):
            return rows
        if navigating:
            self.set_timer(STILL_SECONDS, self._settle)
        last = len(self._places)
        return tuple(sorted(rows, key=lambda row: self._places.get(row.key, last)))

    def _with_gone(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        if self._cursor is None or not self._is_gone(self._cursor, rows) or self._cursor not in self._places:
            return rows
        place = min(self._places[self._cursor], len(rows))
        old = self._rows[self._places[self._cursor]]
        cells = tuple(replace(cell, role="stale") for cell in old.cells)
        if len(cells) > 1:
            cells = (cells[0], Cell(GONE, "stale"), *cells[2:])
        return (*rows[:place], Row(old.key, cells), *rows[place:])

    @staticmethod
    def _is_gone(key: str, rows: tuple[Row, ...]) -> bool:
        return all(row.key != key for row in rows)

    def _place(self) -> tuple[PlacedColumn, ...]:
        """Widths grow with what is shown and shrink only with the screen: columns that wander cannot be read."""
        placed = place_columns(self._columns, self._rows, self.size.width or self.app.size.width)
        grown = tuple(replace(place, width=max(place.width, self._widths.get(place.column.key, 0))) for place in placed)
        if sum(place.width + 2 * CELL_PADDING for place in grown) > (self.size.width or self.app.size.width):
            grown = placed
        self._widths = {place.column.key: place.width for place in grown}
        return grown

    def _refresh_changes(self, before: tuple[Row, ...]) -> None:
        top, height = self.scroll_offset.y, self.size.height
        first = max(top - 1, 0)
        for number in range(first, min(first + height, len(self._rows))):
            old = before[number] if number < len(before) else None
            for region in self._changed_parts(number, old, self._rows[number]):
                self.refresh(region)

    def _changed_parts(self, number: int, old: Row | None, new: Row) -> Iterable[Region]:
        if old is not None and old == new:
            return
        line = number + 1 - self.scroll_offset.y
        if line < 1:
            return
        if old is None or old.key != new.key:
            yield Region(0, line, self.size.width, 1)
            return
        start = 0
        for place in self._placed:
            width = place.width + 2 * CELL_PADDING
            before, after = old.cells[place.index], new.cells[place.index]
            # what it is sorted by is not seen
            if before.text != after.text or before.role != after.role:
                yield Region(start, line, width, 1)
            start += width

    def on_resize(self) -> None:
        self._widths = {}
        self._placed = ()
        self._settle()
        self._scroll_to_cursor()

    # drawing

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            return self._header(width)
        number = y - 1 + self.scroll_offset.y
        if number < len(self._rows):
            return self._line(self._rows[number], width)
        if not self._rows and number == 0:
            return Strip([Segment(fitted(f" {self._empty}", width), self._blank + style_of(self.app, "muted"))], width)
        return Strip.blank(width, self._blank)

    @property
    def _blank(self) -> Style:
        return self.visual_style.rich_style

    def _header(self, width: int) -> Strip:
        style = self._blank + style_of(self.app, "muted") + Style(bold=True)
        text = "".join(self._padded(self._title(place), place) for place in self._placed)
        return Strip([Segment(fitted(text, width), style)], width)

    def _title(self, place: PlacedColumn) -> str:
        if self._sorted_by is None or self._sorted_by[0] != place.column.key:
            return place.column.title
        mark = "v" if self._sorted_by[1] else "^"
        title = place.column.title
        return f"{title}{mark}" if cell_width(title) < place.width else f"{title[: place.width - 1]}{mark}"

    @staticmethod
    def _padded(text: str, place: PlacedColumn) -> str:
        return f"{_PADDING}{fitted(text, place.width, right=place.column.right)}{_PADDING}"

    def _line(self, row: Row, width: int) -> Strip:
        base = self._blank
        if row.key in self._marked:
            base += self.get_component_rich_style("line-table--marked", partial=True)
        if row.key == self._cursor:
            base += self.get_component_rich_style("line-table--cursor", partial=True)
        segments, used = [], 0
        for place in self._placed:
            cell = row.cells[place.index]
            text = cell.text if place.index or row.key not in self._marked else f"*{cell.text}"
            segments.append(Segment(self._padded(text, place), base + style_of(self.app, cell.role)))
            used += place.width + 2 * CELL_PADDING
        segments.append(Segment(" " * max(width - used, 0), base))
        return Strip(segments).adjust_cell_length(width, base)

    # moving

    def action_move(self, step: int) -> None:
        """Up or down by rows."""
        self._go_to(self._cursor_place() + step)

    def action_page(self, pages: int) -> None:
        """Up or down by a screenful."""
        self._go_to(self._cursor_place() + pages * max(self.size.height - 2, 1))

    def action_edge(self, direction: int) -> None:
        """To the first or the last row."""
        self._go_to(0 if direction < 0 else len(self._rows) - 1)

    def action_choose(self) -> None:
        """Enter on the row under the cursor."""
        if self._cursor is not None:
            self.post_message(self.Chosen(self, self._cursor))

    def action_mark(self) -> None:
        """Mark the row under the cursor or take its mark away, and go on to the next."""
        if self._cursor is None:
            return
        self._marked ^= {self._cursor}
        self._refresh_line(self._cursor)
        self.action_move(1)

    def _cursor_place(self) -> int:
        return self._places.get(self._cursor, 0) if self._cursor is not None else 0

    def _go_to(self, place: int) -> None:
        if not self._rows:
            return
        key = self._rows[max(0, min(place, len(self._rows) - 1))].key
        self._moved_at = self._seconds()
        if key != self._cursor:
            self._put_cursor(key)

    def _put_cursor(self, key: str) -> None:
        left, self._cursor = self._cursor, key
        was_gone = left is not None and self._waiting is not None and self._is_gone(left, self._waiting)
        if was_gone:
            self._settle()
        else:
            self._refresh_line(left)
        self._refresh_line(key)
        self._scroll_to_cursor()
        self._move_real_cursor()
        self._tell()

    def _refresh_line(self, key: str | None) -> None:
        place = self._places.get(key) if key is not None else None
        if place is not None:
            self.refresh(Region(0, place + 1 - self.scroll_offset.y, self.size.width, 1))

    def _scroll_to_cursor(self) -> None:
        place, top, height = self._cursor_place(), self.scroll_offset.y, self.size.height - 1
        if place < top:
            self.scroll_to(y=place, animate=False, immediate=True, force=True)
        elif height > 0 and place >= top + height:
            self.scroll_to(y=place - height + 1, animate=False, immediate=True, force=True)

    def _move_real_cursor(self) -> None:
        """The hidden cursor of the terminal stands on the row: braille displays follow it."""
        if self.has_focus:
            line = self._cursor_place() + 1 - self.scroll_offset.y
            self.app.cursor_position = self.region.offset + Offset(0, max(line, 0))

    def on_focus(self) -> None:
        self._move_real_cursor()

    def _tell(self) -> None:
        self.post_message(self.Highlighted(self, self._cursor))
