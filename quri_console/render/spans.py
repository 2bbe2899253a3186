"""Text with a meaning: what a line is made of before anything has a colour."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line; `role` names what its colour means, empty for plain text."""

    text: str
    role: str = ""


Line = tuple[Span, ...]

# blanks, then perhaps a bullet, a number or a label of up to three words set off by two blanks: what wraps stands
# below what follows it
_HANGING = re.compile(r" *(?:• |\d+\. |[^ ]+(?: [^ ]+){0,2}  +)?")


def plain(line: Line) -> str:
    """The text of a line without its roles."""
    return "".join(span.text for span in line)


def wrap_lines(lines: Iterable[Line], width: int) -> tuple[Line, ...]:
    """The lines broken between words to at most `width` characters; what wraps is indented under its beginning.

    A word longer than a line is broken anywhere, because what is cut off cannot be read at all.
    """
    return tuple(part for line in lines for part in _wrap(line, max(width, 10)))


def _wrap(line: Line, width: int) -> list[Line]:
    text = plain(line)
    if len(text) <= width:
        return [line]
    hanging = _HANGING.match(text)
    indent = min(len(hanging[0]) if hanging else 0, width // 2)
    pieces: list[Line] = []
    start, room = 0, width
    while start < len(text):
        end = _break_at(text, start, room)
        pieces.append(_cut(line, start, end, indent if start else 0))
        start, room = _skip_blanks(text, end), width - indent
    return pieces


def _break_at(text: str, start: int, room: int) -> int:
    if len(text) - start <= room:
        return len(text)
    blank = text.rfind(" ", start, start + room + 1)
    return blank if blank > start and text[start:blank].strip() else start + room


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] == " ":
        position += 1
    return position


def _cut(line: Line, start: int, end: int, indent: int) -> Line:
    cells = [(character, span.role) for span in line for character in span.text][start:end]
    runs = [
        Span("".join(character for character, _ in run), role) for role, run in groupby(cells, key=lambda cell: cell[1])
    ]
    if indent and runs:
        runs[0] = replace(runs[0], text=" " * indent + runs[0].text)
    return tuple(runs)


def sentence(text: str) -> str:
    """The text with a full stop, unless it ends in a stop of its own."""
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."
