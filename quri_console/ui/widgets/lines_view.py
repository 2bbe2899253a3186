"""Lines of `render`, wrapped to the width that there is; an unchanged picture costs no bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.text import Text
from textual import events
from textual.widgets import Static

from quri_console.render.spans import Line, Span, plain, wrap_lines
from quri_console.render.width import cell_width
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
        self._room: tuple[int, int] | None = None

    @property
    def text_width(self) -> int:
        """How many characters fit a line."""
        return self.content_size.width or self.app.size.width - _MARGINS

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show these lines instead of the ones before."""
        self._lines = tuple(map(_bounded, lines))
        wrapped = wrap_lines(self._lines, self.text_width)
        picture = drawn(self.app, wrapped)
        if picture != self._drawn or picture.spans != self._drawn.spans:
            self._drawn = picture
            before, self._room = self._room, self._room_of(wrapped)
            # laying the page out again costs more than all the rest of a picture in which only a time has changed
            self.update(picture, layout=before is None or before != self._room)

    def _room_of(self, wrapped: Sequence[Line]) -> tuple[int, int] | None:
        """The width, and how many lines they take; None where wide characters make Textual wrap them again."""
        width = self.text_width
        return (width, len(wrapped)) if all(cell_width(plain(line)) <= width for line in wrapped) else None

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
