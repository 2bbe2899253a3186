"""One operation on a page of its own: followed while it runs, whoever started it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Footer

from quri_console.errors import QuriError
from quri_console.render.operation import error_lines
from quri_console.render.spans import Span
from quri_console.ui.screens.following import FollowingScreen
from quri_console.ui.widgets.lines_view import LinesView
from quri_console.ui.widgets.operation_view import OperationView


class OperationScreen(FollowingScreen):
    """Leaving it leaves the operation alone."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Back", key_display="Esc"),
        Binding("pagedown", "page(1)", "Read on", key_display="PgDn"),
        Binding("pageup", "page(-1)", "Read back", key_display="PgUp"),
    ]

    def __init__(self, operation_id: str) -> None:
        super().__init__()
        self._operation_id = operation_id

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield OperationView()
        yield LinesView(id="keys")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        try:
            handle = self.quri.console_door.follow(self._operation_id)
        except QuriError as error:
            self.query_one(OperationView).show_lines([(span,) for span in error_lines(error)])
            return
        self.follow(handle)

    def tell(self, sentence: str) -> None:
        self.query_one("#keys", LinesView).show_lines([(Span(sentence, "title"),)])

    def action_page(self, pages: int) -> None:
        area = self.query_one(VerticalScroll)
        area.scroll_relative(y=pages * (area.size.height - 1), animate=False)
