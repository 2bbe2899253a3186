"""Where the rows of a live table stand: still while somebody moves among them, and not gone under the cursor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from quri_console.render.grid import Cell, Row

GONE = "gone"


class StandingRows:
    """The rows that were given last, as they stand now."""

    def __init__(self) -> None:
        self.rows: tuple[Row, ...] = ()
        """In the order in which they stand, with one that is gone where the cursor holds on to it."""
        self.places: Mapping[str, int] = {}
        """Where each key stands."""
        self._given: tuple[Row, ...] | None = None
        self._keys: frozenset[str] = frozenset()

    @property
    def given(self) -> bool:
        """Whether any rows were given yet, be it none."""
        return self._given is not None

    def give(self, rows: tuple[Row, ...]) -> None:
        """The newest rows; they stand so from the next `settle` on."""
        self._given, self._keys = rows, frozenset(row.key for row in rows)

    def settle(self, cursor: str | None, *, still: bool) -> tuple[Row, ...]:
        """Let the newest rows stand, in the order of those before where it must stay `still`; returns those before."""
        rows = self._given or ()
        if still and self.rows:
            # new ones stand at the end
            last = len(self.places)
            rows = tuple(sorted(rows, key=lambda row: self.places.get(row.key, last)))
        before, self.rows = self.rows, self._with_gone(rows, cursor)
        self.places = {row.key: place for place, row in enumerate(self.rows)}
        return before

    def is_gone(self, key: str | None) -> bool:
        """Whether the row is no longer among those that were given."""
        return key is not None and self.given and key not in self._keys

    def _with_gone(self, rows: tuple[Row, ...], cursor: str | None) -> tuple[Row, ...]:
        if cursor is None or not self.is_gone(cursor) or cursor not in self.places:
            return rows
        place = min(self.places[cursor], len(rows))
        return (*rows[:place], _gone(self.rows[self.places[cursor]]), *rows[place:])


def _gone(row: Row) -> Row:
    cells = tuple(replace(cell, role="stale") for cell in row.cells)
    if len(cells) > 1:
        cells = (cells[0], Cell(GONE, "stale"), *cells[2:])
    return Row(row.key, cells)
