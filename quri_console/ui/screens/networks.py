"""The list of networks of the configuration, from which the console is opened anew on another one."""

from __future__ import annotations

from collections.abc import Sequence

from quri_console.config import NetworkConfig
from quri_console.render.escape import escape
from quri_console.render.grid import Cell, Column, Row
from quri_console.ui.screens.list_choice import ListChoice


class NetworksScreen(ListChoice):
    """Enter goes there, Esc stays here."""

    DEFAULT_CSS = "NetworksScreen #panel { height: 10; }"
    COLUMNS = (Column("name", "Network"), Column("kind", "Kind"), Column("url", "Address", priority=1))
    name_of_list = "networks"
    empty = "There is no network."
    keys = "Enter opens the console anew there, Esc stays here."

    def __init__(self, networks: Sequence[NetworkConfig], current: str) -> None:
        super().__init__([_row(network, here=network.name == current) for network in networks], current)


def _row(network: NetworkConfig, *, here: bool) -> Row:
    kind = "PRODUCTION" if network.production else "not production"
    name = f"{escape(network.name)} (here)" if here else escape(network.name)
    return Row(network.name, (Cell(name), Cell(kind), Cell(escape(network.url), "muted")))
