"""All keys, from the action registry."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Static

from quri_console.render.actions import key_sheet
from quri_console.ui.roles import style_of


class HelpScreen(Screen[None]):
    """Every key, its word and what it changes."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss", "Close", key_display="Esc"),
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(self._sheet(), markup=False)
        yield Footer(compact=True, show_command_palette=False)

    def _sheet(self) -> Text:
        sheet = Text("Keys\n", style=style_of(self.app, "title"))
        for key, verb, explanation in key_sheet():
            sheet.append(f"\n {key:<6}", style_of(self.app, "spark"))
            sheet.append(f"{verb:<10}", style_of(self.app, "title"))
            sheet.append(explanation)
        return sheet
