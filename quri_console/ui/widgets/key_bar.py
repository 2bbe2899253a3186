"""The last line: keys and their words, as many as fit; one segment list, so that a repaint costs little."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.text import Text
from textual import events
from textual.widgets import Static

from quri_console.render.actions import Action, key_label
from quri_console.ui.roles import style_of

ALWAYS = ("palette", "help", "quit")
"""What stands at the right end, beside the views, however narrow the screen is."""
Piece = tuple[str, str, bool]
"""Key, word, and whether it cannot be done now."""


class KeyBar(Static):
    """Keys of the actions that are live here; what cannot be done now is drawn muted, and its key says why."""

    DEFAULT_CSS = "KeyBar { dock: bottom; height: 1; background: $panel; color: $foreground; }"

    def __init__(self, entries: Sequence[Action]) -> None:
        super().__init__(id="key-bar", markup=False)
        self._entries = tuple(entries)
        self._disabled: frozenset[str] = frozenset()
        self._shown = ""

    def show(self, disabled: frozenset[str]) -> None:
        """Draw it with these actions (by name) muted."""
        self._disabled = disabled
        self._draw()

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        left = _pieces([entry for entry in self._entries if not _stays(entry)], self._disabled)
        right = _pieces([entry for entry in self._entries if _stays(entry)], self._disabled)
        text = self._drawn(right)
        room = self.app.size.width - text.cell_len
        fitting: list[Piece] = []
        for piece in left:
            room -= _width(piece)
            if room < 0:
                break
            fitting.append(piece)
        text = self._drawn([*fitting, *right])
        signature = f"{text.plain}|{sorted(self._disabled)}|{self.app.theme}"
        if signature != self._shown:
            self._shown = signature
            self.update(text)

    def _drawn(self, pieces: Sequence[Piece]) -> Text:
        text = Text(no_wrap=True, end="")
        for key, word, disabled in pieces:
            text.append(f" {key}", style_of(self.app, "muted" if disabled else "spark"))
            text.append(f" {word} ", style_of(self.app, "muted" if disabled else "plain"))
        return text


def _stays(entry: Action) -> bool:
    return entry.name in ALWAYS or entry.name.startswith("view(")


def _width(piece: Piece) -> int:
    return len(piece[0]) + len(piece[1]) + 3


def _pieces(entries: Sequence[Action], disabled: frozenset[str]) -> list[Piece]:
    """One piece an action, and one for all keys that go to a view."""
    pieces: list[Piece] = []
    for goes_to_view, group in groupby(entries, key=lambda entry: entry.name.startswith("view(")):
        found = list(group)
        if goes_to_view and len(found) > 1:
            pieces.append((f"{key_label(found[0].key)}-{key_label(found[-1].key)}", "Views", False))
        else:
            pieces += [(key_label(entry.key), entry.verb, entry.name in disabled) for entry in found]
    return pieces
