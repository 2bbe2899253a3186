"""All keys, from the action registry, and those of the widget that was in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer

from quri_console.render.actions import key_label, key_sheet
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

    def __init__(
        self,
        view: str | None = "",
        widget: str = "",
        widget_keys: Sequence[KeyHelp] = (),
        page_keys: Sequence[KeyHelp] = (),
    ) -> None:
        super().__init__()
        self._page_keys = tuple(page_keys)
        self._view = view
        self._widget = widget
        self._widget_keys = tuple(widget_keys)

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield LinesView(id="sheet")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        keys = self._page_keys if self._view is None else (*key_sheet(self._view), *_BACK)
        lines: list[Line] = [(Span("Keys", "title"),), (), *_lines(keys)]
        if self._widget_keys:
            lines += [(), (Span(self._widget, "title"),), (), *_lines(self._widget_keys)]
        self.query_one("#sheet", LinesView).show_lines(lines)


def page_keys(page: Screen[Any]) -> tuple[KeyHelp, ...]:
    """The keys of a page that was opened from a view: what its bindings say, and do."""
    found: dict[str, KeyHelp] = {}
    for kind in type(page).__mro__:
        for binding in vars(kind).get("BINDINGS", ()) if kind.__module__.startswith("quri_console.") else ():
            if isinstance(binding, Binding) and binding.description and binding.action not in found:
                action = getattr(page, f"action_{binding.action.partition('(')[0]}", None)
                # what Textual says of its own is for programmers
                ours = action is not None and action.__module__.startswith("quri_console.")
                said = (action.__doc__ or "").strip().partition("\n")[0] if ours else ""
                key = binding.key_display or key_label(binding.key)
                found[binding.action] = (key, binding.description, said or f"{binding.description}.")
    return (*found.values(), ("F1", "Runbook", "The page of the runbook that fits."))


def _lines(keys: Sequence[KeyHelp]) -> list[Line]:
    widest = max(len(key) for key, _, _ in keys)
    return [
        (Span(f"  {key:<{widest}}  ", "spark"), Span(f"{verb:<10}", "title"), Span(f" {explanation}"))
        for key, verb, explanation in keys
    ]
