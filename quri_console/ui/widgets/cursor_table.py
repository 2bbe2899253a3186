"""Moving through rows: the cursor holds on to a row's key, never to its number, and so do marks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Offset, Region
from textual.message import Message
from textual.scroll_view import ScrollView

from quri_console.render.grid import Row
from quri_console.render.standing_rows import StandingRows

STILL_SECONDS = 3.0
"""How long the order stands still after the cursor moved."""


class CursorTable(ScrollView, can_focus=True):
    """Lines below a header line, one a row, with a cursor and marks; a subclass draws them and brings new rows."""

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

        def __init__(self, table: CursorTable, key: str | None) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> CursorTable:
            """The table, for `@on` with a selector."""
            return self.table

    class Chosen(Highlighted):
        """Enter was pressed on a row."""

    def __init__(self, *, id: str | None, seconds: Callable[[], float] = time.monotonic) -> None:  # noqa: A002
        super().__init__(id=id)
        self._seconds = seconds
        self._standing = StandingRows()
        self._moved_at = float("-inf")
        self._cursor: str | None = None
        self._marked: frozenset[str] = frozenset()

    def _settle(self) -> None:
        """Let the newest rows stand."""
        raise NotImplementedError

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
        return self._standing.rows

    @property
    def cursor_is_gone(self) -> bool:
        """Whether the row under the cursor is no longer among those that were given."""
        return self._standing.is_gone(self._cursor)

    def select(self, key: str | None) -> None:
        """Put the cursor on a row, if it is there."""
        if key is not None and key in self._standing.places and key != self._cursor:
            self._put_cursor(key)

    def clear_marks(self) -> None:
        """Mark nothing."""
        self._marked = frozenset()
        self.refresh()

    def _must_stand_still(self) -> bool:
        """While somebody navigates or a dialog is open the order stays."""
        navigating = self._seconds() - self._moved_at < STILL_SECONDS
        if navigating and self.rows:
            self.set_timer(STILL_SECONDS, self._settle)
        return navigating or (self.is_attached and self.app.screen is not self.screen)

    # moving

    def action_move(self, step: int) -> None:
        """Up or down by rows."""
        self._go_to(self._cursor_place() + step)

    def action_page(self, pages: int) -> None:
        """Up or down by a screenful."""
        self._go_to(self._cursor_place() + pages * max(self.size.height - 2, 1))

    def action_edge(self, direction: int) -> None:
        """To the first or the last row."""
        self._go_to(0 if direction < 0 else len(self.rows) - 1)

    def name_enter(self, word: str) -> None:
        """Let the line of keys say what Enter does to a row.

        A screen's own binding with priority would act before the keys that were typed ahead of it have moved the
        cursor, and so on another row.
        """
        self._bindings.key_to_bindings["enter"] = [Binding("enter", "choose", word, key_display="Enter")]

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
        return self._standing.places.get(self._cursor, 0) if self._cursor is not None else 0

    def _go_to(self, place: int) -> None:
        if not self.rows:
            return
        key = self.rows[max(0, min(place, len(self.rows) - 1))].key
        self._moved_at = self._seconds()
        if key != self._cursor:
            self._put_cursor(key)

    def _put_cursor(self, key: str) -> None:
        left, self._cursor = self._cursor, key
        if self._standing.is_gone(left):
            self._settle()
        else:
            self._refresh_line(left)
        self._refresh_line(key)
        self._scroll_to_cursor()
        self._move_real_cursor()
        self._tell()

    def _refresh_line(self, key: str | None) -> None:
        place = self._standing.places.get(key) if key is not None else None
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
