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
from quri_console.render.spans import Line, Span
from quri_console.ui.background import as_quri_error, blocking, off_loop
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

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield LinesView(id="rehearsal")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self._say("Loading it into the sandbox of this machine; nothing is sent anywhere …", "muted")
        self.run_worker(self._rehearse(), exit_on_error=False)

    def _say(self, text: str, role: str) -> None:
        self.query_one(LinesView).show_lines([(Span(text, role),)])

    async def _rehearse(self) -> None:
        door = cast("QuriApp", self.app).console_door

        try:
            found = await off_loop(blocking(lambda: door.rehearse(self._backup)))
        except Exception as error:  # noqa: BLE001 - whatever it is, the page must say it
            lines: list[Line] = [(span,) for span in error_lines(as_quri_error(error))]
        else:
            lines = list(rehearsal_lines(found))
        if self.is_attached:
            self.query_one(LinesView).show_lines(lines)
