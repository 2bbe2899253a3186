"""A short list over the foot of the screen, of which one is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label

from quri_console.render.grid import Column, Row
from quri_console.ui.widgets.line_table import LineTable


class ListChoice(ModalScreen[str | None]):
    """Choose with the arrows; Enter answers with the row's key, Esc with nothing."""

    CSS_PATH = "palette.tcss"
    DEFAULT_CSS = """
    ListChoice { background: transparent; align: center bottom; }
    ListChoice #panel { width: 100%; background: $surface; border-top: solid $primary; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "back", "Back")]
    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    name_of_list: ClassVar[str] = ""
    """The id of its table."""
    empty: ClassVar[str] = ""
    keys: ClassVar[str] = ""
    """What Enter and Esc do."""

    def __init__(self, rows: Sequence[Row], current: str) -> None:
        super().__init__()
        self._rows = tuple(rows)
        self._current = current

    def compose(self) -> ComposeResult:
        with Vertical(id="panel"):
            yield LineTable(self.COLUMNS, id=self.name_of_list, empty=self.empty)
            yield Label(self.keys, classes="muted")

    def on_mount(self) -> None:
        table = self.query_one(LineTable)
        table.show_rows(self._rows)
        table.select(self._current)
        table.focus()

    @on(LineTable.Chosen)
    def _answer(self, event: LineTable.Chosen) -> None:
        self.dismiss(event.key)

    def action_back(self) -> None:
        """Leave everything as it was."""
        self.dismiss(None)
