"""A chart, and lines like it, that repaint only the cells that differ; a chart's cursor costs two of them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from quri_console.render.chart import changed_cells
from quri_console.render.cycles_picture import ChartPicture
from quri_console.render.spans import Line, wrap_lines
from quri_console.ui.roles import style_of

_POINTER, _ASCII_POINTER = "▲", "^"


class SpanLines(Widget):
    """Lines of spans in a box of fixed size; nothing is laid out anew when they change."""

    DEFAULT_CSS = "SpanLines { background: $background; color: $foreground; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own parameter
        super().__init__(id=id)
        self._lines: tuple[Line, ...] = ()
        self._unwrapped: tuple[Line, ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        """What it shows, wrapped."""
        return self._lines

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show these lines, wrapped to the width."""
        self._unwrapped = tuple(lines)
        self._put(wrap_lines(self._unwrapped, self.size.width) if self.size.width else self._unwrapped)

    def on_resize(self) -> None:
        self.show_lines(self._unwrapped)

    def _put(self, lines: tuple[Line, ...]) -> None:
        before, self._lines = self._lines, lines
        for row in range(max(len(before), len(lines))):
            old, new = (given[row] if row < len(given) else () for given in (before, lines))
            changed = changed_cells(old, new, self.size.width)
            if changed:
                self.refresh(Region(changed.start, row, len(changed), 1))

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.visual_style.rich_style
        line: Line = self._lines[y] if y < len(self._lines) else ()
        segments = [Segment(span.text, base + style_of(self.app, span.role)) for span in line]
        return Strip(segments).adjust_cell_length(width, base)


class ChartView(SpanLines):
    """Shows a picture; `cursor` is the column that is read, None for none."""

    DEFAULT_CSS = "ChartView { height: 1fr; min-height: 6; }"

    class Resized(Message):
        """There is more or less room than there was."""

    def __init__(self, *, id: str | None = None, ascii_only: bool = False) -> None:  # noqa: A002 - Textual's own
        super().__init__(id=id)
        self._picture = ChartPicture()
        self._pointer = _ASCII_POINTER if ascii_only else _POINTER
        self._cursor: int | None = None

    @property
    def picture(self) -> ChartPicture:
        """What it shows."""
        return self._picture

    @property
    def cursor(self) -> int | None:
        """The column under the cursor."""
        return self._cursor

    def show(self, picture: ChartPicture, cursor: int | None = None) -> None:
        """Show this picture instead of the one before, read at this column."""
        self.put_cursor(None)
        self._picture = picture
        self._put(picture.lines)
        self.put_cursor(cursor if cursor is not None and cursor < picture.columns else None)

    def put_cursor(self, column: int | None) -> None:
        """Stand on another column, or on none."""
        before, self._cursor = self._cursor, column
        if before == column:
            return
        for place in (before, column):
            for row in self._cursor_rows(place):
                self.refresh(Region(self._picture.left + (place or 0), row, 1, 1))

    def _cursor_rows(self, column: int | None) -> tuple[int, ...]:
        """The lines that show a cursor in that column."""
        if column is None or column >= self._picture.columns:
            return ()
        pointer, spot = self._picture.pointer_row, self._picture.spots[column]
        return (pointer,) if spot is None else (pointer, spot)

    def on_resize(self) -> None:
        self.post_message(self.Resized())

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        if self._cursor is None or y not in self._cursor_rows(self._cursor):
            return strip
        place = self._picture.left + self._cursor
        before, under, after = strip.divide([place, place + 1, strip.cell_length])
        text = self._pointer if y == self._picture.pointer_row else under.text
        mark = Segment(text, self.visual_style.rich_style + style_of(self.app, "title") + Style(reverse=True))
        return Strip.join([before, Strip([mark], 1), after])
