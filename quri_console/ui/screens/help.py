"""All keys, from the action registry."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer

from quri_console.render.actions import key_sheet
from quri_console.render.spans import Line, Span
from quri_console.ui.widgets.lines_view import LinesView

_MOVING = (
    ("↑ ↓", "Choose", "Another canister; everything below the table and every key is about the chosen one."),
    ("Esc", "Back", "Leave a page; an operation that was started goes on."),
)


class HelpScreen(Screen[None]):
    """Every key, its word and what it changes."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss", "Close", key_display="Esc"),
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield LinesView(id="sheet")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        keys: tuple[Line, ...] = tuple(
            (Span(f"  {key:<4}  ", "spark"), Span(f"{verb:<9}", "title"), Span(f" {explanation}"))
            for key, verb, explanation in (*key_sheet(), *_MOVING)
        )
        self.query_one("#sheet", LinesView).show_lines([(Span("Keys", "title"),), (), *keys])
