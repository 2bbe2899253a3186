"""One of several answers in a row: chosen by Enter or a click, never by the key that opened the question."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Static


class Choice(Static, can_focus=True):
    """A word in a row. Left and right go from one to the next, Enter takes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "Take", show=False),
        Binding("left", "app.focus_previous", "Previous", show=False),
        Binding("right", "app.focus_next", "Next", show=False),
    ]

    class Taken(Message):
        """This answer was chosen."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, words: str, *, id: str) -> None:  # noqa: A002 - Textual's own parameter
        # brackets tell a choice from text where there is no colour, and the focused one by its reversed cells
        super().__init__(f"[ {words} ]", id=id, markup=False)

    def action_take(self) -> None:
        self.post_message(self.Taken(self))

    def on_click(self) -> None:
        self.action_take()
