"""The table beside a chart, whose marks say what the chart shows."""

from __future__ import annotations

from quri_console.monitor.fleet import FleetStatus
from quri_console.render.cycles_table import COLUMNS, SORTED_BY, Burns, runway_rows
from quri_console.ui.widgets.line_table import LineTable


class RunwayTable(LineTable):
    """How long the cycles of each canister last, the soonest first."""

    def __init__(self) -> None:
        super().__init__(COLUMNS, id="runway", empty="The configuration names no canister.")

    def show(self, fleet: FleetStatus, burns: Burns, now_ns: int) -> None:
        """Bring the table to this picture of the fleet."""
        self.show_rows(runway_rows(fleet, burns, now_ns), sorted_by=(SORTED_BY, False))

    def action_mark(self) -> None:
        super().action_mark()
        # in the last row the cursor stays, but the chart has changed all the same
        self.post_message(self.Highlighted(self, self.cursor_key))
