"""Which columns fit a width, and how wide each is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quri_console.render.table import COLUMNS, Column, Row

CELL_PADDING = 1
"""Blank cells on either side of a column."""


@dataclass(frozen=True, slots=True)
class PlacedColumn:
    """A column that is shown: its place in a row's cells and its width in terminal cells."""

    column: Column
    index: int
    width: int


def place_columns(rows: Sequence[Row], total_width: int) -> tuple[PlacedColumn, ...]:
    """The columns that fit `total_width` cells, in their order; those of the highest priority number go first.

    Columns of priority 0 always stay: a name without its health would mislead.
    """
    placed = [PlacedColumn(column, index, _content_width(column, index, rows)) for index, column in enumerate(COLUMNS)]
    by_importance = sorted(placed, key=lambda place: place.column.priority, reverse=True)
    for candidate in by_importance:
        if _width_of(placed) <= total_width or candidate.column.priority == 0:
            break
        placed.remove(candidate)
    return tuple(placed)


def _content_width(column: Column, index: int, rows: Sequence[Row]) -> int:
    return max([len(column.title), *(len(row.cells[index].text) for row in rows)])


def _width_of(placed: Sequence[PlacedColumn]) -> int:
    return sum(place.width + 2 * CELL_PADDING for place in placed)
