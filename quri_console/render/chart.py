"""Charts drawn by plotext, as lines of spans: its colours become roles, so that themes and NO_COLOR hold here, too.

plotext is imported with the first chart. It keeps its figure in the module, so one chart is drawn at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from threading import Lock
from typing import Any

from quri_console.render.spans import Line, Span
from quri_console.render.width import cell_width

LINE = "braille"
"""The glyph of a line drawn as finely as the terminal can."""
AXIS = "muted"
AXIS_ROWS = 2
"""Rows below the plot: the axis and its labels."""
LEAST_LABEL = 8
"""Cells that the labels beside a plot have at least."""

_FIRST_CODE = 17
_CODES = re.compile(r"\x1b\[(?:38;5;(\d+)|[0-9;]*)m")
_ASCII = str.maketrans("│┤├─┬┴┼└┘┌┐", "|||-+++++++")
_ASCII_LINE = "*"
_drawing = Lock()


@dataclass(frozen=True, slots=True)
class Marks:
    """Points of one kind: x in columns (0 is the first), y from 0 at the lower edge to 1 at the upper one."""

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    role: str
    glyph: str = LINE
    joined: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn, from the back to the front, and what stands beside and below it."""

    marks: tuple[Marks, ...]
    x_labels: tuple[tuple[int, str], ...]
    y_labels: tuple[tuple[float, str], ...]

    @property
    def label_width(self) -> int:
        """What the labels beside it take; the same for most charts, so that they do not wander."""
        return max([LEAST_LABEL, *(len(text) for _, text in self.y_labels)])


def draw(plot: Plot, columns: int, rows: int, *, ascii_only: bool = False) -> tuple[Line, ...]:
    """`rows` lines of `columns` cells, with the axis and its labels to the left and in two lines below."""
    with _drawing:
        text = _built(plot, columns, rows, ascii_only)
    if ascii_only:
        text = text.translate(_ASCII)
    roles = [marks.role for marks in plot.marks]
    return tuple(_line(line, roles) for line in text.split("\n")[: rows + AXIS_ROWS])


def _built(plot: Plot, columns: int, rows: int, ascii_only: bool) -> str:
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)
    plotext.plot_size(columns + plot.label_width + 1, rows + AXIS_ROWS)
    plotext.xaxes(True, False)
    plotext.yaxes(True, False)
    plotext.xlim(0, max(columns - 1, 1))
    plotext.ylim(0, 1)
    plotext.xticks([column for column, _ in plot.x_labels], [text for _, text in plot.x_labels])
    plotext.yticks([y for y, _ in plot.y_labels], [text.rjust(plot.label_width) for _, text in plot.y_labels])
    for number, marks in enumerate(plot.marks):
        _put(plotext, marks, _FIRST_CODE + number, ascii_only)
    # with no point at all there is no canvas and no axis
    plotext.scatter([-1], [-1], marker=" ")
    text: str = plotext.build()
    plotext.clear_figure()
    return text


def _put(plotext: Any, marks: Marks, code: int, ascii_only: bool) -> None:
    if not marks.xs:
        return
    glyph = _ASCII_LINE if ascii_only and marks.glyph == LINE else marks.glyph
    put = plotext.plot if marks.joined and len(marks.xs) > 1 else plotext.scatter
    put(list(marks.xs), list(marks.ys), marker=glyph, color=code)


def _line(text: str, roles: Sequence[str]) -> Line:
    """One line of plotext with its colour codes read back as roles, in as few spans as there are roles in a row."""
    pieces = [piece for piece in _pieces(text, roles) if piece.text]
    return tuple(
        Span("".join(piece.text for piece in run), role) for role, run in groupby(pieces, key=lambda piece: piece.role)
    )


def _pieces(text: str, roles: Sequence[str]) -> Iterator[Span]:
    start, role = 0, AXIS
    for code in _CODES.finditer(text):
        yield Span(text[start : code.start()], role)
        start = code.end()
        role = roles[int(code[1]) - _FIRST_CODE] if code[1] else AXIS
    yield Span(text[start:], role)


def merged_blanks(line: Line) -> Line:
    """The line with blanks in the role of what stands before them: they look the same, and cost no colour change."""
    spans: list[Span] = []
    for span in line:
        if spans and (not span.text.strip() or span.role == spans[-1].role):
            spans[-1] = Span(spans[-1].text + span.text, spans[-1].role)
        else:
            spans.append(span)
    return tuple(spans)


def changed_cells(before: Line, after: Line, width: int) -> range:
    """From the first to the last cell in which two lines differ; the whole width where characters are not cells."""
    if before == after:
        return range(0)
    if any(cell_width(span.text) != len(span.text) for span in (*before, *after)):
        return range(width)
    old, new = _cells(before, width), _cells(after, width)
    differing = [place for place in range(width) if old[place] != new[place]]
    return range(differing[0], differing[-1] + 1) if differing else range(0)


def _cells(line: Line, width: int) -> list[tuple[str, str]]:
    """(character, role) of each cell; blanks look the same in every role."""
    cells = [(character, span.role if character != " " else "") for span in line for character in span.text]
    return (cells + [(" ", "")] * width)[:width]
