"""The live canister table."""

from __future__ import annotations

from quri_console.render.fleet_shown import FLEET_COLUMNS, FleetShown
from quri_console.ui.widgets.line_table import LineTable


class FleetTable(LineTable):
    """One row per canister, keyed by canister id; only cells whose text or role changed are sent again."""

    def __init__(self) -> None:
        super().__init__(FLEET_COLUMNS, id="fleet", empty="The configuration names no canister.")
        self._sorted_before: tuple[str, bool] | None = None

    @property
    def selected_canister(self) -> str | None:
        """The canister id under the cursor."""
        return self.cursor_key

    @property
    def visible_columns(self) -> frozenset[str]:
        """Keys of the columns that have room."""
        return frozenset(place.column.key for place in self.placed)

    def show(self, shown: FleetShown, sorted_by: tuple[str, bool] | None) -> None:
        """Bring the table to this picture of the fleet."""
        filtered = shown.total > 0
        self.empty = "No canister is what the filter asks for." if filtered else "The configuration names no canister."
        self.use_columns(shown.columns)
        self.show_rows(shown.rows, sorted_by=sorted_by)
        # the header is no row: nobody else notices that its mark has moved
        if sorted_by != self._sorted_before:
            self._sorted_before = sorted_by
            self.refresh()

    def action_mark(self) -> None:
        super().action_mark()
        # the cursor stays on the last row, and how many are marked is said all the same
        self._tell()

    def rearrange(self, cursor: str | None) -> None:
        """Forget the order that stands still while somebody navigates: the next rows stand as they were asked for."""
        self._moved_at = float("-inf")
        self._cursor = cursor
