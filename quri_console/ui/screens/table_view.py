"""A view that is one table of things and, below it, what is known of the chosen one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from quri_console.monitor.fleet import FleetStatus
from quri_console.render.grid import Column
from quri_console.render.spans import Line
from quri_console.ui.screens.view import ViewScreen
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.lines_view import LinesView


class TableView(ViewScreen):
    """Read anew with every picture of the fleet. A subclass sets COLUMNS and EMPTY, and reads in `read`."""

    CSS_PATH = "table_view.tcss"
    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    EMPTY: ClassVar[str] = "Nothing here."

    def body(self) -> ComposeResult:
        yield LineTable(self.COLUMNS, id="things", empty=self.EMPTY)
        with VerticalScroll(id="more", can_focus=False):
            yield LinesView(id="chosen")

    def on_mount(self) -> None:
        super().on_mount()
        self.table.focus()
        self.read()

    def show_fleet(self, fleet: FleetStatus) -> None:
        self.read()

    def read(self) -> None:
        """Ask for the things anew."""
        raise NotImplementedError

    @property
    def table(self) -> LineTable:
        """The table of things."""
        return self.query_one("#things", LineTable)

    def say(self, lines: Sequence[Line]) -> None:
        """Show these lines below the table."""
        self.query_one("#chosen", LinesView).show_lines(lines)

    def action_read_detail(self, pages: int) -> None:
        """Further down or up in what stands below the table."""
        area = self.query_one("#more", VerticalScroll)
        area.scroll_relative(y=pages * max(area.size.height - 1, 1), animate=False)

    def text_to_copy(self) -> str:
        return self.table.text_of_rows()
