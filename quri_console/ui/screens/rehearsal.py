"""Rehearsing a backup in the sandbox of this machine, with progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer

from quri_console.render.operation import error_lines
from quri_console.render.rehearsal import rehearsal_lines
from quri_console.render.spans import Line
from quri_console.ui.background import as_quri_error, blocking, off_loop
from quri_console.ui.live_work import LOOK_SECONDS, SLOW_LINK_LOOK_SECONDS, LiveWork
from quri_console.ui.widgets.lines_view import LinesView

if TYPE_CHECKING:
    from quri_console.ui.app import QuriApp


class RehearsalScreen(Screen[None]):
    """Nothing is sent anywhere; leaving the page lets it end by itself."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss", "Back", key_display="Esc")]

    def __init__(self, backup: str) -> None:
        super().__init__()
        self._backup = backup
        self._work: LiveWork | None = LiveWork(f"Rehearse {backup} in the sandbox of this machine; nothing is sent")

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield LinesView(id="rehearsal")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self._draw()
        slow = cast("QuriApp", self.app).manner.low_bandwidth
        self.set_interval(SLOW_LINK_LOOK_SECONDS if slow else LOOK_SECONDS, self._draw)
        self.run_worker(self._rehearse(), exit_on_error=False)

    def _draw(self) -> None:
        if self._work is not None:
            self.query_one(LinesView).show_lines(self._work.lines())

    async def _rehearse(self) -> None:
        door = cast("QuriApp", self.app).console_door

        try:
            found = await off_loop(blocking(lambda: door.rehearse(self._backup, self._work)))
        except Exception as error:  # noqa: BLE001 - whatever it is, the page must say it
            lines: list[Line] = [(span,) for span in error_lines(as_quri_error(error))]
        else:
            lines = list(rehearsal_lines(found))
        self._work = None
        if self.is_attached:
            self.query_one(LinesView).show_lines(lines)
