"""Lines of `render`, wrapped to the width that there is; an unchanged picture costs no bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.text import Text
from textual import events
from textual.widgets import Static

from quri_console.render.spans import Line, Span, wrap_lines
from quri_console.ui.roles import drawn

LONGEST_LINE = 20_000
"""Characters; a line of megabytes would hold the screen up for seconds, and nobody reads it to its end."""
_MARGINS = 3
"""What padding and a scroll bar take before the first layout has told the real width."""


class LinesView(Static):
    """Shows lines; wraps them again when the width changes."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own parameter
        super().__init__(id=id, markup=False)
        self._lines: tuple[Line, ...] = ()
        self._drawn = Text()

    @property
    def text_width(self) -> int:
        """How many characters fit a line."""
        return self.content_size.width or self.app.size.width - _MARGINS

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show these lines instead of the ones before."""
        self._lines = tuple(map(_bounded, lines))
        picture = drawn(self.app, wrap_lines(self._lines, self.text_width))
        if picture != self._drawn or picture.spans != self._drawn.spans:
            self._drawn = picture
            self.update(picture)

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self.show_lines(self._lines))

    def on_resize(self, event: events.Resize) -> None:
        self.show_lines(self._lines)


def _bounded(line: Line) -> Line:
    if sum(len(span.text) for span in line) <= LONGEST_LINE:
        return line
    room, kept = LONGEST_LINE, []
    for span in line:
        kept.append(replace(span, text=span.text[:room]))
        room -= len(kept[-1].text)
        if room <= 0:
            break
    return (*kept, Span(" … (cut off)", "muted"))
