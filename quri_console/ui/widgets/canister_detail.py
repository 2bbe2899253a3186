"""The selected canister: its sentence, its cycles as a spark line, and why its health is what it is."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from quri_console.monitor.fleet import CanisterView
from quri_console.render.detail import detail_lines
from quri_console.ui.roles import style_of


class CanisterDetail(Static):
    """Redraws only when a line changed, so that an unchanged canister costs no bytes."""

    def __init__(self) -> None:
        super().__init__(id="detail", markup=False)
        self._drawn = Text()

    def show(self, view: CanisterView | None, now_ns: int) -> None:
        """Show this canister; None says that none is selected."""
        drawn = Text()
        lines = detail_lines(view, now_ns, width=max(20, self.content_size.width or self.app.size.width - 2))
        for number, line in enumerate(lines):
            drawn.append("\n" if number else "")
            for span in line:
                drawn.append(span.text, style_of(self.app, span.role))
        if drawn != self._drawn or drawn.spans != self._drawn.spans:
            self._drawn = drawn
            self.update(drawn)
