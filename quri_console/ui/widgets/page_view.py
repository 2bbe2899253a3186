"""A page of many lines, drawn line by line: only what is seen costs anything, and only what differs is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from quri_console.render.runbook import PagePicture, Stop, lines_seen, marked_line, next_stop
from quri_console.ui.roles import style_of

WIDEST = 100
"""Longer lines are hard to read."""
_MARKS = {"chosen": Style(reverse=True), "found": Style(underline=True, bold=True)}


class PageView(ScrollView, can_focus=True):
    """Shows a picture that `make` makes for a width; made anew when the width changes, at the same place."""

    DEFAULT_CSS = """
    PageView { scrollbar-size: 1 1; overflow-x: hidden; height: 1fr; background: $background; color: $foreground; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False),
        Binding("k", "scroll_up", "Up", show=False),
        Binding("space,ctrl+f", "page_down", "Page down", show=False),
        Binding("ctrl+b", "page_up", "Page up", show=False),
        Binding("g", "scroll_home", "First", show=False),
        Binding("G", "scroll_end", "Last", show=False),
    ]

    class Moved(Message):
        """Another part is seen, or another place is chosen."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, PageView.Moved)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own parameter
        super().__init__(id=id)
        self._make: Callable[[int], PagePicture] = lambda _: PagePicture()
        self.picture = PagePicture()
        self._made_for = 0
        self._chosen: int | None = None
        self._found = ""

    @property
    def stop(self) -> Stop | None:
        """The link or command that is chosen."""
        return None if self._chosen is None else self.picture.stops[self._chosen]

    @property
    def top(self) -> int:
        """The first line that is seen."""
        return int(self.scroll_offset.y)

    @property
    def seen(self) -> str:
        """How far it was read."""
        return lines_seen(self.picture.lines, self.top, self.size.height)

    def show_page(self, make: Callable[[int], PagePicture], *, source: int = 0, found: str = "") -> None:
        """Show another page from that line of its section on; the letters `found` are marked."""
        self._make, self._found = make, found
        self._draw_anew(source)

    def _draw_anew(self, source: int) -> None:
        self._made_for = self._width
        self.picture, self._chosen = self._make(self._made_for), None
        self.virtual_size = Size(self.size.width, len(self.picture.lines))
        self.refresh()
        line = self.picture.line_of_source(source, self._found) if source else 0
        # a line above, so that it is not read out of nothing
        self._go_to(max(line - 1, 0))
        self.call_after_refresh(self._go_to, max(line - 1, 0))

    @property
    def _width(self) -> int:
        return min((self.size.width or self.app.size.width) - 1, WIDEST)

    def _go_to(self, line: int) -> None:
        self.scroll_to(y=line, animate=False, immediate=True, force=True)

    def on_resize(self) -> None:
        if self._width != self._made_for:
            sources = self.picture.sources
            self._draw_anew(sources[self.top] if self.top < len(sources) and self.top else 0)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self.post_message(self.Moved())

    # choosing

    def choose(self, step: int) -> bool:
        """The next or the previous link or command; False where there is none."""
        chosen = next_stop(self.picture, self._chosen, step, self.top, self.size.height)
        self._refresh_stop()
        self._chosen = chosen
        self._refresh_stop()
        if (stop := self.stop) is None:
            return False
        if stop.line < self.top or stop.line + stop.height > self.top + self.size.height:
            self._go_to(max(stop.line - self.size.height // 3, 0))
        self._move_real_cursor()
        self.post_message(self.Moved())
        return True

    def find_on(self, step: int) -> bool:
        """To the next or the previous line with the letters that were searched for; False where there is none."""
        lines = self.picture.lines_with(self._found)
        here = self.top + 1
        on = [line for line in lines if line > here] if step > 0 else [line for line in reversed(lines) if line < here]
        if not on:
            return False
        self._go_to(max(on[0] - 1, 0))
        return True

    def _refresh_stop(self) -> None:
        if (stop := self.stop) is not None:
            self.refresh(Region(0, stop.line - self.top, self.size.width, stop.height))

    def _move_real_cursor(self) -> None:
        """The hidden cursor of the terminal stands on the chosen place: braille displays follow it."""
        if self.has_focus and (stop := self.stop) is not None:
            self.app.cursor_position = self.region.offset + Offset(stop.start, max(stop.line - self.top, 0))

    # drawing

    def render_line(self, y: int) -> Strip:
        width, number = self.size.width, y + self.top
        base = self.visual_style.rich_style
        if number >= len(self.picture.lines):
            return Strip.blank(width, base)
        line = marked_line(self.picture, number, self._chosen, self._found)
        segments = [
            Segment(span.text, base + (_MARKS.get(span.role) or style_of(self.app, span.role)))
            for span in line
            if span.text
        ]
        return Strip(segments).adjust_cell_length(width, base)
