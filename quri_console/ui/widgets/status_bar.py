"""The first lines: which network this is and how fresh the picture; they never scroll away."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.widgets import Static

from quri_console.monitor.fleet import FleetStatus
from quri_console.render.banner import BADGE, Badges, banner_lines
from quri_console.render.spans import Line, Span
from quri_console.ui.roles import style_of


class StatusBar(Static):
    """Network, badges, worst health and the age of the picture; a second line only where there is something to say."""

    DEFAULT_CSS: ClassVar[str] = "StatusBar { dock: top; background: $panel; color: $foreground; }"

    def __init__(self, network: str, *, production: bool, read_only: bool) -> None:
        super().__init__(id="status-bar", markup=False)
        self._network = network
        self._production = production
        self._read_only = read_only
        self._shown: tuple[Line, ...] = ()
        self._asked: tuple[FleetStatus | None, int, dict[str, Any]] = (None, 0, {})

    def show(
        self,
        fleet: FleetStatus | None,
        now_ns: int,
        *,
        lockdown: bool = False,
        paused: bool = False,
        firing: int = 0,
    ) -> None:
        """Say how the fleet is; None before the first picture."""
        self._asked = (fleet, now_ns, {"lockdown": lockdown, "paused": paused, "firing": firing})
        # a network that turns out to be mainnet is production whatever the configuration says
        production = self._production or (fleet is not None and fleet.production)
        badges = Badges(
            self._network,
            production=production,
            read_only=self._read_only,
            lockdown=lockdown,
            paused=paused,
            firing=firing,
        )
        lines = banner_lines(fleet, now_ns, badges, width=self.app.size.width)
        if lines != self._shown:
            if len(lines) != len(self._shown):
                self.styles.height = len(lines)
            self._shown = lines
            self._draw()

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())

    def on_resize(self, event: events.Resize) -> None:
        fleet, now_ns, badges = self._asked
        if now_ns:
            self.show(fleet, now_ns, **badges)

    def _draw(self) -> None:
        text = Text(no_wrap=True, overflow="ellipsis", end="")
        for number, line in enumerate(self._shown):
            text.append("\n" if number else "")
            for span in line:
                text.append(span.text, self._style(span))
        self.update(text)

    def _style(self, span: Span) -> Style:
        if span.role.startswith(BADGE):
            return style_of(self.app, span.role.removeprefix(BADGE)) + Style(reverse=True, bold=True)
        return style_of(self.app, span.role)
