"""The list of themes; the one under the cursor is shown at once."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.theme import Theme

from quri_console.render.escape import escape
from quri_console.render.grid import Cell, Column, Row
from quri_console.ui.screens.list_choice import ListChoice
from quri_console.ui.widgets.line_table import LineTable


class ThemesScreen(ListChoice):
    """Enter keeps the theme, Esc goes back to the one before."""

    DEFAULT_CSS = "ThemesScreen #panel { height: 14; }"
    COLUMNS = (Column("name", "Theme"), Column("kind", "Colours"))
    name_of_list = "themes"
    empty = "There is no theme."
    keys = "It is shown at once. Enter keeps it, Esc goes back to the one before."

    def __init__(self, themes: Sequence[Theme], current: str) -> None:
        super().__init__([_row(theme) for theme in themes], current)

    @on(LineTable.Highlighted)
    def _try(self, event: LineTable.Highlighted) -> None:
        if event.key is not None:
            self.app.theme = event.key

    def action_back(self) -> None:
        self.app.theme = self._current
        super().action_back()


def _row(theme: Theme) -> Row:
    kind = "those of the terminal" if theme.ansi else "its own"
    return Row(theme.name, (Cell(escape(theme.name)), Cell(f"{kind}, on {'dark' if theme.dark else 'light'}", "muted")))
