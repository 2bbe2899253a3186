"""Tables before they have a colour: columns, rows of cells, and which columns fit a width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from quri_console.render.width import cell_width

SortValue = float | str

CELL_PADDING = 1
"""Blank cells on either side of a column."""
UNKNOWN = "–"
# what is not known sorts below everything that is
LOWEST = float("-inf")


@dataclass(frozen=True, slots=True)
class Column:
    """A column; narrow screens drop those of the highest `priority` number first, and never those of priority 0."""

    key: str
    title: str
    right: bool = False
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """What one cell shows, in which role, and what it is sorted by."""

    text: str
    role: str = "plain"
    sort: SortValue = LOWEST


@dataclass(frozen=True, slots=True)
class Row:
    """One thing; `key` is its identity, which selections hold on to whatever happens to the order."""

    key: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class PlacedColumn:
    """A column that is shown: its place in a row's cells and its width in terminal cells."""

    column: Column
    index: int
    width: int


def place_columns(columns: Sequence[Column], rows: Sequence[Row], total_width: int) -> tuple[PlacedColumn, ...]:
    """The columns that fit `total_width` cells, in their order, each as wide as its widest cell."""
    widths = [content_width(column, index, rows) for index, column in enumerate(columns)]
    return place_measured(columns, widths, total_width)


def place_measured(columns: Sequence[Column], widths: Sequence[int], total_width: int) -> tuple[PlacedColumn, ...]:
    """The columns of these widths that fit, in their order; those of the highest priority number go first.

    Columns of priority 0 always stay: a name without its health would mislead. When even they do not fit the widest
    is cut, which mostly is the name.
    """
    measured = enumerate(zip(columns, widths, strict=True))
    placed = [PlacedColumn(column, index, width) for index, (column, width) in measured]
    by_importance = sorted(placed, key=lambda place: place.column.priority, reverse=True)
    for candidate in by_importance:
        if width_of(placed) <= total_width or candidate.column.priority == 0:
            break
        placed.remove(candidate)
    missing = width_of(placed) - total_width
    if missing > 0 and placed:
        widest = max(range(len(placed)), key=lambda number: placed[number].width)
        placed[widest] = replace(placed[widest], width=max(placed[widest].width - missing, 4))
    return tuple(placed)


def content_width(column: Column, index: int, rows: Sequence[Row]) -> int:
    """What the column's title and its widest cell need."""
    return max([cell_width(column.title), *(cell_width(row.cells[index].text) for row in rows)])


def width_of(placed: Sequence[PlacedColumn]) -> int:
    """The width of a whole line of these columns."""
    return sum(place.width + 2 * CELL_PADDING for place in placed)


def sorted_rows(rows: Sequence[Row], index: int, *, descending: bool = False) -> tuple[Row, ...]:
    """The rows by the raw values of one column; what is not known comes last whatever the direction."""
    known = [row for row in rows if row.cells[index].sort != LOWEST]
    unknown = [row for row in rows if row.cells[index].sort == LOWEST]
    numbers = [row for row in known if not isinstance(row.cells[index].sort, str)]
    texts = [row for row in known if isinstance(row.cells[index].sort, str)]
    ordered = [
        *sorted(numbers, key=lambda row: row.cells[index].sort, reverse=descending),
        *sorted(texts, key=lambda row: str(row.cells[index].sort).casefold(), reverse=descending),
    ]
    return (*ordered, *unknown)
