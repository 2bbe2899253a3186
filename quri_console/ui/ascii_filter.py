"""Draws in ASCII whatever any widget draws, as the last step before the terminal."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from quri_console.render.ascii_text import ascii_text


class AsciiFilter(LineFilter):
    """Every character becomes an ASCII one of the same width."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.text.isascii() else Segment(ascii_text(segment.text), segment.style, segment.control)
            for segment in segments
        ]
