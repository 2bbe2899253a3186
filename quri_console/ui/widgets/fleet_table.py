"""The live canister table: rows keep their canister, whatever happens to their order."""

from __future__ import annotations

from typing import Literal

from rich.text import Text
from textual.coordinate import Coordinate
from textual.widgets import DataTable

from quri_console.monitor.fleet import FleetStatus
from quri_console.render.layout import PlacedColumn, place_columns
from quri_console.render.table import Cell, Row, fleet_rows
from quri_console.ui.roles import style_of


class FleetTable(DataTable[Text]):
    """One row per canister, keyed by canister id; only cells whose text or role changed are written again."""

    def __init__(self) -> None:
        super().__init__(id="fleet", cursor_type="row", zebra_stripes=False)
        self._rows_shown: dict[str, Row] = {}
        self._placed: tuple[PlacedColumn, ...] = ()

    @property
    def selected_canister(self) -> str | None:
        """The canister id under the cursor."""
        if not self._rows_shown or not self.is_valid_coordinate(self.cursor_coordinate):
            return None
        return self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value

    def show(self, fleet: FleetStatus, now_ns: int) -> None:
        """Bring the table to this picture of the fleet."""
        rows = {row.key: row for row in fleet_rows(fleet, now_ns)}
        placed = place_columns(tuple(rows.values()), self.size.width or self.app.size.width)
        if placed != self._placed or list(rows) != list(self._rows_shown):
            self._rebuild(placed, rows)
            return
        for key, row in rows.items():
            for place in placed:
                cell = row.cells[place.index]
                if cell != self._rows_shown[key].cells[place.index]:
                    self.update_cell(key, place.column.key, self._drawn(cell, place))
        self._rows_shown = rows

    def _rebuild(self, placed: tuple[PlacedColumn, ...], rows: dict[str, Row]) -> None:
        selected = self.selected_canister
        self.clear(columns=True)
        for place in placed:
            title = Text(place.column.title, justify="right" if place.column.right else "left")
            self.add_column(title, width=place.width, key=place.column.key)
        for key, row in rows.items():
            self.add_row(*(self._drawn(row.cells[place.index], place) for place in placed), key=key)
        self._placed, self._rows_shown = placed, rows
        if selected in rows:
            self.cursor_coordinate = Coordinate(list(rows).index(selected), 0)

    def _drawn(self, cell: Cell, place: PlacedColumn) -> Text:
        # Text, never str: a DataTable reads strings as markup, and names come from outside
        justify: Literal["right", "left"] = "right" if place.column.right else "left"
        return Text(cell.text, style=style_of(self.app, cell.role), justify=justify, no_wrap=True, end="")
