"""Everything that was said in the corner of the screen, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer

from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.render.zone import moment_text
from quri_console.ui.notices import Notice
from quri_console.ui.widgets.lines_view import LinesView

if TYPE_CHECKING:
    from quri_console.ui.app import QuriApp

_ROLES = {"information": "plain", "warning": "status-warning", "error": "status-critical"}


class NoticesScreen(Screen[None]):
    """The kept notices."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,n", "dismiss", "Close", key_display="Esc")]

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield LinesView(id="notices")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        kept = cast("QuriApp", self.app).notices.all
        lines: list[Line] = [(Span("Notices", "title"),), ()]
        lines += [_line(notice) for notice in reversed(kept)] or [(Span("Nothing was said yet.", "muted"),)]
        self.query_one(LinesView).show_lines(lines)


def _line(notice: Notice) -> Line:
    title = f"{escape(notice.title)}: " if notice.title else ""
    return (
        Span(f"{moment_text(notice.at_ns)}  ", "muted"),
        Span(title + escape(notice.message), _ROLES[notice.severity]),
    )
