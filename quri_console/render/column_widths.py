"""Which columns of a live table have room, and how wide they are: columns that wander cannot be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from quri_console.render.grid import Column, PlacedColumn, Row, place_measured, width_of
from quri_console.render.width import cell_width


class ColumnWidths:
    """Widths grow with what is shown, and shrink only when `forget` is called or there is no room for them.

    Of rows that are the very same as before nothing is measured again.
    """

    def __init__(self) -> None:
        self._columns: tuple[Column, ...] = ()
        self._rows: dict[int, Row] = {}
        self._found: tuple[Counter[int], ...] = ()
        self._grown: dict[str, int] = {}

    def forget(self) -> None:
        """Begin again: the screen or the columns are others."""
        self._grown = {}

    def place(self, columns: tuple[Column, ...], rows: Sequence[Row], total_width: int) -> tuple[PlacedColumn, ...]:
        """The columns that fit `total_width` cells, in their order."""
        placed = place_measured(columns, self._measure(columns, rows), total_width)
        grown = tuple(replace(place, width=max(place.width, self._grown.get(place.column.key, 0))) for place in placed)
        if width_of(grown) > total_width:
            grown = placed
        self._grown = {place.column.key: place.width for place in grown}
        return grown

    def _measure(self, columns: tuple[Column, ...], rows: Sequence[Row]) -> list[int]:
        """What each column needs for its title and its widest cell."""
        if columns != self._columns:
            self._columns, self._rows = columns, {}
            self._found = tuple(Counter({cell_width(column.title): 1}) for column in columns)
        # the rows are held, so an id is of the same row in both
        before, self._rows = self._rows, {id(row): row for row in rows}
        self._count((row for number, row in before.items() if number not in self._rows), -1)
        self._count((row for number, row in self._rows.items() if number not in before), 1)
        return [max(found) for found in self._found]

    def _count(self, rows: Iterable[Row], by: int) -> None:
        for row in rows:
            for found, cell in zip(self._found, row.cells, strict=True):
                width = cell_width(cell.text)
                found[width] += by
                if not found[width]:
                    del found[width]
