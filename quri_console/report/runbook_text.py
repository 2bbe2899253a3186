"""A section of the runbook as plain lines of a width: what a terminal, a pager and the console show."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from quri_console.untrusted import spell_out

Kind = Literal["heading", "text", "command", "empty"]
_ITEM = re.compile(r"^(\s*)([-*]|\d+\.)\s+(.*)$")
_EMPHASIS = re.compile(r"\*\*(.+?)\*\*|__(.+?)__")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
NARROWEST = 40


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line, escaped; `command` is a line to type."""

    text: str
    kind: Kind


def section_lines(text: str, width: int) -> tuple[TextLine, ...]:
    """The lines of a section in Markdown: comments go, paragraphs are wrapped, commands are indented and whole."""
    return tuple(_joined(_lines(_COMMENT.sub("", text), max(width, NARROWEST))))


def _joined(lines: Iterator[TextLine]) -> Iterator[TextLine]:
    """Never two empty lines in a row, and none at the beginning."""
    was_empty = True
    for line in lines:
        if line.kind != "empty" or not was_empty:
            yield line
        was_empty = line.kind == "empty"


def _lines(text: str, width: int) -> Iterator[TextLine]:
    paragraph: list[str] = []
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            yield from _wrapped(paragraph, width)
            fenced = not fenced
        elif fenced:
            yield TextLine(f"    {_safe(line.rstrip())}", "command")
        elif line.startswith("#"):
            yield from _wrapped(paragraph, width)
            yield TextLine(_safe(_plain(line.lstrip("#").strip())), "heading")
        elif not line.strip():
            yield from _wrapped(paragraph, width)
            yield TextLine("", "empty")
        else:
            if _ITEM.match(line):
                yield from _wrapped(paragraph, width)
            paragraph.append(line)
    yield from _wrapped(paragraph, width)


def _wrapped(paragraph: list[str], width: int) -> Iterator[TextLine]:
    """The paragraph in lines; it is empty afterwards."""
    if not paragraph:
        return
    item = _ITEM.match(paragraph[0])
    first = f"{item[1]}{'•' if item[2] in '-*' else item[2]} " if item else ""
    words = " ".join([item[3] if item else paragraph[0], *paragraph[1:]]).split()
    paragraph.clear()
    text = _safe(_plain(" ".join(words)))
    for line in textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    ):
        yield TextLine(line, "text")


def _plain(text: str) -> str:
    return _EMPHASIS.sub(lambda match: match[1] or match[2], text)


def _safe(text: str) -> str:
    return spell_out(text, {})
