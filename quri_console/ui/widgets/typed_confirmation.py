"""A field into which `NETWORK/NAME` is typed before anything changes."""

from __future__ import annotations

from textual import events
from textual.widgets import Input


class TypedConfirmation(Input):
    """An input that refuses pasted text: what is pasted has not been read."""

    def __init__(self, expected: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own parameter
        super().__init__(placeholder=expected, id=id)
        self.expected = expected
        self.cursor_blink = False

    @property
    def matches(self) -> bool:
        """Whether exactly the expected text stands in the field."""
        return self.value == self.expected

    def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        self._refuse()

    def action_paste(self) -> None:
        self._refuse()

    def _refuse(self) -> None:
        self.app.notify(f"Type {self.expected} by hand; pasting is refused here.", severity="warning", markup=False)
