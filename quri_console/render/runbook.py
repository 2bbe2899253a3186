"""A page of the runbook as lines of a width, with the places that keys go to: links and commands."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from quri_console.render.spans import Line, Span, plain
from quri_console.render.width import cell_width, cut_off

BAR = "│ "
"""What every line of a command begins with."""
_GUTTER = 2
"""Cells at the left that mark the chosen place."""
_CODE = re.compile(r"`([a-z0-9][a-z0-9-]*)`")
_BEFORE_LINK = re.compile(r"\b[Pp]ages?\W*$|`,? (?:and |or )?$|`, $")


class PageLine(Protocol):
    """A line of a section, escaped and wrapped, as the report floor gives it."""

    @property
    def text(self) -> str:
        """What it says."""

    @property
    def kind(self) -> str:
        """`heading`, `text`, `command` or `empty`."""

    @property
    def source(self) -> int:
        """Which line of the section it stands on."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A place that a key goes to: cells `start` to `end` of `height` lines from `line`.

    `target` is the page of a link, or the command; `block` all commands that stand together with it.
    """

    kind: Literal["link", "command"]
    target: str
    line: int
    height: int
    start: int
    end: int
    block: str = ""


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A page drawn for a width; `sources` has the line of the section for every line."""

    lines: tuple[Line, ...] = ()
    stops: tuple[Stop, ...] = ()
    sources: tuple[int, ...] = ()

    def line_of_source(self, source: int, word: str = "") -> int:
        """The first line drawn of that line of the section; of a wrapped one the first that has the word."""
        drawn = [number for number, other in enumerate(self.sources) if other == source]
        with_word = [number for number in drawn if word and word.casefold() in plain(self.lines[number]).casefold()]
        before = [number for number, other in enumerate(self.sources) if other <= source]
        return next(iter((*with_word, *drawn, *before[-1:])), 0)

    def lines_with(self, word: str) -> tuple[int, ...]:
        """Every line that has the word, whatever its case."""
        wanted = word.casefold()
        return tuple(number for number, line in enumerate(self.lines) if wanted and wanted in plain(line).casefold())


def page_picture(lines: Iterable[PageLine], pages: Collection[str], width: int) -> PagePicture:
    """The page in lines of at most `width` cells; `pages` are those that a link can lead to."""
    making = _Making(frozenset(pages), max(width - _GUTTER, 10))
    for line in lines:
        making.add(line)
    making.end_block()
    return PagePicture(tuple(making.lines), tuple(making.stops), tuple(making.sources))


class _Making:
    """A picture while it is made."""

    def __init__(self, pages: frozenset[str], width: int) -> None:
        self._pages = pages
        self._width = width
        self._block: list[int] = []
        self._continued = False
        self._before = ""
        self.lines: list[Line] = []
        self.stops: list[Stop] = []
        self.sources: list[int] = []

    def add(self, line: PageLine) -> None:
        if line.kind == "command":
            self._command(line)
            return
        self.end_block()
        if line.kind == "heading":
            self._put(((Span(part, "title"),) for part in _pieces(line.text, self._width)), line.source)
        else:
            for part in _pieces(line.text, self._width) or [""]:
                self._put([self._text(part)], line.source)
            self._before = line.text if line.kind == "text" else ""

    def _put(self, lines: Iterable[Line], source: int) -> None:
        for line in lines:
            self.lines.append((Span(" " * _GUTTER), *line))
            self.sources.append(source)

    def _command(self, line: PageLine) -> None:
        """A command; one that ends with a backslash goes on in the next line."""
        text, first = line.text.strip(), len(self.lines)
        pieces = _pieces(text, self._width - len(BAR), between_words=True) or [""]
        self._put(((Span(BAR, "muted"), Span(part, "status-ok")) for part in pieces), line.source)
        if not text or (text.startswith("#") and not self._continued):
            return
        end = _GUTTER + len(BAR) + max(map(cell_width, pieces))
        if self._continued:
            begun = self.stops[-1]
            self.stops[-1] = replace(
                begun,
                target=f"{begun.target}\n{text}",
                height=len(self.lines) - begun.line,
                end=max(begun.end, end),
            )
        else:
            self._block.append(len(self.stops))
            self.stops.append(Stop("command", text, first, len(pieces), _GUTTER + len(BAR), end))
        self._continued = text.endswith("\\")

    def end_block(self) -> None:
        """What stands together is known now."""
        block = "\n".join(self.stops[number].target for number in self._block)
        for number in self._block:
            self.stops[number] = replace(self.stops[number], block=block)
        self._block, self._continued = [], False

    def _text(self, text: str) -> Line:
        """Running text; the names of other pages are links, in brackets."""
        spans: list[Span] = []
        done = 0
        for match in _CODE.finditer(text):
            before = text[: match.start()] if text[: match.start()].strip() else f"{self._before} "
            if match[1] not in self._pages or _BEFORE_LINK.search(before) is None:
                continue
            start = _GUTTER + cell_width(text[: match.start()])
            self.stops.append(Stop("link", match[1], len(self.lines), 1, start, start + len(match[0])))
            spans += [Span(text[done : match.start()]), Span(f"[{match[1]}]", "spark")]
            done = match.end()
        return (*spans, Span(text[done:]))


def _pieces(text: str, width: int, *, between_words: bool = False) -> list[str]:
    """The text cut into lines of a width, because what is cut off cannot be read at all.

    `between_words` cuts after a blank where there is one: whoever types a command off must not halve its words.
    """
    pieces: list[str] = []
    start = 0
    while start < len(text):
        piece = cut_off(text[start : start + width], width) or text[start]
        if between_words and start + len(piece) < len(text) and text[start + len(piece)] != " ":
            piece = piece[: piece.rfind(" ") + 1] or piece
        pieces.append(piece)
        start += len(piece)
    return pieces


def next_stop(picture: PagePicture, now: int | None, step: int, top: int, height: int) -> int | None:
    """The stop before or after the one chosen `now`, or the first that is seen when that one is not; None for none."""
    stops = picture.stops
    seen = range(top, top + height)
    if now is not None and stops[now].line in seen:
        return min(max(now + step, 0), len(stops) - 1)
    forward = (number for number, stop in enumerate(stops) if stop.line >= top)
    backward = (number for number in reversed(range(len(stops))) if stops[number].line < top + height)
    edge = len(stops) - 1 if step > 0 else 0
    return next(forward if step > 0 else backward, edge) if stops else None


def marked_line(picture: PagePicture, number: int, chosen: int | None, found: str = "") -> Line:
    """A line with the chosen stop (`chosen`) and the letters that were searched for (`found`) marked by roles.

    The mark in the gutter is what is seen without colours.
    """
    line = picture.lines[number]
    stop = picture.stops[chosen] if chosen is not None else None
    if stop is not None and stop.line <= number < stop.line + stop.height:
        text = plain(line)
        start, end = _index(text, stop.start), _index(text, stop.end)
        return (Span("> ", "title"), Span(text[_GUTTER:start]), Span(text[start:end], "chosen"), Span(text[end:]))
    return tuple(_with_found(line, found)) if found else line


def _index(text: str, cells: int) -> int:
    return len(cut_off(text, cells))


def _with_found(line: Line, found: str) -> Iterator[Span]:
    pattern = re.compile(re.escape(found), re.IGNORECASE)
    for span in line:
        done = 0
        for match in pattern.finditer(span.text):
            yield Span(span.text[done : match.start()], span.role)
            yield Span(match[0], "found")
            done = match.end()
        yield Span(span.text[done:], span.role)


def help_line(page: str) -> Line:
    """Where a failure is explained; below what is said of it."""
    return (Span(f"F1 opens the runbook: page {page}.", "muted"),)


def lines_seen(lines: Sequence[Line], top: int, height: int) -> str:
    """How far it was read: `all`, `top`, `43 %` or `end`."""
    if len(lines) <= height:
        return "all"
    if top <= 0:
        return "top"
    return "end" if top + height >= len(lines) else f"{100 * (top + height) // len(lines)} %"
