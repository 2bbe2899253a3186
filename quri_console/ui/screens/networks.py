"""The list of networks of the configuration, from which the console is opened anew on another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label

from quri_console.config import NetworkConfig
from quri_console.render.escape import escape
from quri_console.render.grid import Cell, Column, Row
from quri_console.ui.widgets.line_table import LineTable

COLUMNS = (Column("name", "Network"), Column("kind", "Kind"), Column("url", "Address", priority=1))


class NetworksScreen(ModalScreen[str | None]):
    """Choose with the arrows, Enter goes there, Esc stays here."""

    CSS_PATH = "palette.tcss"
    DEFAULT_CSS = """
    NetworksScreen { background: transparent; align: center bottom; }
    NetworksScreen #panel { height: 10; width: 100%; background: $surface; border-top: solid $primary; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", "Stay")]

    def __init__(self, networks: Sequence[NetworkConfig], current: str) -> None:
        super().__init__()
        self._networks = tuple(networks)
        self._current = current

    def compose(self) -> ComposeResult:
        with Vertical(id="panel"):
            yield LineTable(COLUMNS, id="networks", empty="There is no network.")
            yield Label("Enter opens the console anew there, Esc stays here.", classes="muted")

    def on_mount(self) -> None:
        table = self.query_one(LineTable)
        table.show_rows(_row(network, here=network.name == self._current) for network in self._networks)
        table.select(self._current)
        table.focus()

    @on(LineTable.Chosen)
    def _go(self, event: LineTable.Chosen) -> None:
        self.dismiss(event.key)


def _row(network: NetworkConfig, *, here: bool) -> Row:
    kind = "PRODUCTION" if network.production else "not production"
    name = f"{escape(network.name)} (here)" if here else escape(network.name)
    return Row(network.name, (Cell(name), Cell(kind), Cell(escape(network.url), "muted")))
