"""A panel that asks for a few words: a note, a time. Docked and opaque; Esc asks nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from quri_console.ui.widgets.typed_confirmation import TypedConfirmation

Answers = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to fill in: its label, what stands in it at first, and what an empty one means."""

    label: str
    value: str = ""
    hint: str = ""
    by_hand: str = ""
    """What has to be typed and cannot be pasted, where it confirms something; it takes the hint's place."""

    def entry(self, id: str) -> Input:  # noqa: A002 - Textual's own parameter
        """The widget that it is filled in."""
        if self.by_hand:
            return TypedConfirmation(self.by_hand, id=id)
        entry = Input(value=self.value, placeholder=self.hint, id=id)
        entry.cursor_blink = False
        return entry


class Question(ModalScreen[Answers | None]):
    """Asks for fields; Enter goes on to the next and, in the last, answers. None when it was left by Esc."""

    CSS_PATH = "question.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Leave"),
        Binding("up", "focus_previous", "Previous", show=False),
        Binding("down", "focus_next", "Next", show=False),
    ]

    def __init__(self, sentence: str, fields: Sequence[Field]) -> None:
        super().__init__()
        self._sentence = sentence
        self._fields = tuple(fields)

    def compose(self) -> ComposeResult:
        with Vertical(id="panel"):
            yield Label(self._sentence, id="sentence", markup=False)
            for number, field in enumerate(self._fields):
                with Horizontal():
                    yield Label(f"{field.label} ", markup=False, classes="label")
                    yield field.entry(f"field-{number}")
            yield Label("Enter goes on, Esc leaves everything as it is.", markup=False, classes="muted")

    def on_mount(self) -> None:
        self.query(Input).first().focus()

    @on(Input.Submitted)
    def _next(self, event: Input.Submitted) -> None:
        entries = list(self.query(Input))
        place = entries.index(event.input)
        if place + 1 < len(entries):
            entries[place + 1].focus()
            return
        self.dismiss(tuple(entry.value.strip() for entry in entries))
