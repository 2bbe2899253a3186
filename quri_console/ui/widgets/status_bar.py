"""The first line: which network this is and how fresh the picture; it never scrolls away."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from quri_console.monitor.fleet import FleetStatus
from quri_console.render.detail import banner_spans
from quri_console.render.spans import Span
from quri_console.ui.roles import style_of


class StatusBar(Static):
    """Network, PRODUCTION and READ-ONLY badges, worst health and the age of the picture."""

    def __init__(self, network: str, *, production: bool, read_only: bool) -> None:
        super().__init__(id="status-bar", markup=False)
        self._network = network
        self._production = production
        self._read_only = read_only
        self._shown: tuple[Span, ...] = ()

    def show(self, fleet: FleetStatus | None, now_ns: int) -> None:
        """Say how the fleet is; None before the first picture."""
        spans = banner_spans(
            fleet, now_ns, network=self._network, production=self._production, read_only=self._read_only
        )
        if spans != self._shown:
            self._shown = spans
            self.update(Text.assemble(*((span.text, style_of(self.app, span.role)) for span in spans), no_wrap=True))
