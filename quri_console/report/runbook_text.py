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
_LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\(([^()\s]+)\)")
_OTHER_PAGE = re.compile(r"(?:\./)?([a-z0-9][a-z0-9-]*)(?:\.md)?(?:#.*)?")
NARROWEST = 40


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line, escaped; `command` is a line to type."""

    text: str
    kind: Kind
    source: int = 0
    """Which line of the section (from 1) it stands on, or begins on where it was wrapped."""


def section_lines(text: str, width: int) -> tuple[TextLine, ...]:
    """The lines of a section in Markdown: comments go, paragraphs are wrapped, commands are indented and whole."""
    without_comments = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), text)
    return tuple(_joined(_lines(without_comments, max(width, NARROWEST))))


def _joined(lines: Iterator[TextLine]) -> Iterator[TextLine]:
    """Never two empty lines in a row, and none at the beginning."""
    was_empty = True
    for line in lines:
        if line.kind != "empty" or not was_empty:
            yield line
        was_empty = line.kind == "empty"


def _lines(text: str, width: int) -> Iterator[TextLine]:
    paragraph = _Paragraph(width)
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            yield from paragraph.end()
            fenced = not fenced
        elif fenced:
            yield TextLine(f"    {_safe(line.rstrip())}", "command", number)
        elif line.startswith("#"):
            yield from paragraph.end()
            yield TextLine(_safe(_plain(line.lstrip("#").strip())), "heading", number)
        elif not line.strip():
            yield from paragraph.end()
            yield TextLine("", "empty", number)
        else:
            if _ITEM.match(line):
                yield from paragraph.end()
            paragraph.add(line, number)
    yield from paragraph.end()


class _Paragraph:
    """Lines that belong together, as they come."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._parts: list[str] = []
        self._number = 0

    def add(self, line: str, number: int) -> None:
        self._number = self._number if self._parts else number
        self._parts.append(line)

    def end(self) -> Iterator[TextLine]:
        """The paragraph wrapped; it is empty afterwards."""
        if not self._parts:
            return
        item = _ITEM.match(self._parts[0])
        first = f"{item[1]}{'•' if item[2] in '-*' else item[2]} " if item else ""
        words = " ".join([item[3] if item else self._parts[0], *self._parts[1:]]).split()
        self._parts.clear()
        for line in textwrap.wrap(
            _safe(_plain(" ".join(words))),
            self._width,
            initial_indent=first,
            subsequent_indent=" " * len(first),
            break_long_words=False,
            break_on_hyphens=False,
        ):
            yield TextLine(line, "text", self._number)


def _plain(text: str) -> str:
    return _LINK.sub(_link_in_words, _EMPHASIS.sub(lambda match: match[1] or match[2], text))


def _link_in_words(match: re.Match[str]) -> str:
    """A link to another page as our own pages write it, any other with its address."""
    page = _OTHER_PAGE.fullmatch(match[2])
    return f"{match[1]} (page `{page[1]}`)" if page is not None else f"{match[1]} ({match[2]})"


def _safe(text: str) -> str:
    return spell_out(text, {})
