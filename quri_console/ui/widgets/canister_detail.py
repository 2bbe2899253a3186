"""The selected canister: its sentence, its cycles as a spark line, and why its health is what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.monitor.fleet import CanisterView
from quri_console.render.detail import detail_lines
from quri_console.ui.widgets.lines_view import LinesView

if TYPE_CHECKING:
    from quri_console.monitor.canister_facts import CanisterFacts


class CanisterDetail(LinesView):
    """What stands below or beside the table about the canister under the cursor."""

    def __init__(self) -> None:
        super().__init__(id="detail")

    def show(
        self, view: CanisterView | None, now_ns: int, *, facts: CanisterFacts | None = None, long: bool = False
    ) -> None:
        """Show this canister; None says that none is selected."""
        self.show_lines(detail_lines(view, now_ns, width=self.text_width, facts=facts, long=long))
