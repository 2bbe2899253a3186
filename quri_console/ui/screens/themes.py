"""The list of themes; the one under the cursor is shown at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.theme import Theme
from textual.widgets import Label

from quri_console.render.escape import escape
from quri_console.render.grid import Cell, Column, Row
from quri_console.ui.widgets.line_table import LineTable

COLUMNS = (Column("name", "Theme"), Column("kind", "Colours"))


class ThemesScreen(ModalScreen[str | None]):
    """Choose with the arrows, Enter keeps the theme, Esc goes back to the one before."""

    CSS_PATH = "palette.tcss"
    DEFAULT_CSS = """
    ThemesScreen { background: transparent; align: center bottom; }
    ThemesScreen #panel { height: 14; width: 100%; background: $surface; border-top: solid $primary; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "back", "Back")]

    def __init__(self, themes: Sequence[Theme], current: str) -> None:
        super().__init__()
        self._themes = tuple(themes)
        self._current = current

    def compose(self) -> ComposeResult:
        with Vertical(id="panel"):
            yield LineTable(COLUMNS, id="themes", empty="There is no theme.")
            yield Label("It is shown at once. Enter keeps it, Esc goes back to the one before.", classes="muted")

    def on_mount(self) -> None:
        table = self.query_one(LineTable)
        table.show_rows(map(_row, self._themes))
        table.select(self._current)
        table.focus()

    @on(LineTable.Highlighted)
    def _try(self, event: LineTable.Highlighted) -> None:
        if event.key is not None:
            self.app.theme = event.key

    @on(LineTable.Chosen)
    def _keep(self, event: LineTable.Chosen) -> None:
        self.dismiss(event.key)

    def action_back(self) -> None:
        """Leave everything as it was."""
        self.app.theme = self._current
        self.dismiss(None)


def _row(theme: Theme) -> Row:
    kind = "those of the terminal" if theme.ansi else "its own"
    return Row(theme.name, (Cell(escape(theme.name)), Cell(f"{kind}, on {'dark' if theme.dark else 'light'}", "muted")))
