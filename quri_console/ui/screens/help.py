"""All keys, from the action registry, and those of the widget that was in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer

from quri_console.render.actions import key_sheet
from quri_console.render.spans import Line, Span
from quri_console.ui.widgets.lines_view import LinesView

KeyHelp = tuple[str, str, str]
"""Key, word, explanation."""
_BACK: tuple[KeyHelp, ...] = (("Esc", "Back", "Leave a page; an operation that was started goes on."),)


class HelpScreen(Screen[None]):
    """Every key of a view, its word and what it changes; of all views without one. Then those of a widget."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss", "Close", key_display="Esc"),
    ]

    def __init__(self, view: str = "", widget: str = "", widget_keys: Sequence[KeyHelp] = ()) -> None:
        super().__init__()
        self._view = view
        self._widget = widget
        self._widget_keys = tuple(widget_keys)

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield LinesView(id="sheet")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        lines: list[Line] = [(Span("Keys", "title"),), (), *_lines((*key_sheet(self._view), *_BACK))]
        if self._widget_keys:
            lines += [(), (Span(self._widget, "title"),), (), *_lines(self._widget_keys)]
        self.query_one("#sheet", LinesView).show_lines(lines)


def _lines(keys: Sequence[KeyHelp]) -> list[Line]:
    widest = max(len(key) for key, _, _ in keys)
    return [
        (Span(f"  {key:<{widest}}  ", "spark"), Span(f"{verb:<10}", "title"), Span(f" {explanation}"))
        for key, verb, explanation in keys
    ]
