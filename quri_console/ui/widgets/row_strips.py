"""The lines of a table as strips of segments, and which stretches of a line changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.strip import Strip

from quri_console.render.grid import CELL_PADDING, PlacedColumn, Row
from quri_console.render.width import cell_width, fitted
from quri_console.ui.roles import style_of

_PADDING = " " * CELL_PADDING


def header_strip(placed: Sequence[PlacedColumn], sorted_by: tuple[str, bool] | None, width: int, style: Style) -> Strip:
    """The titles, with a mark at the one that the table is sorted by."""
    text = "".join(_title(place, sorted_by) for place in placed)
    return Strip([Segment(fitted(text, width), style)], width)


def _title(place: PlacedColumn, sorted_by: tuple[str, bool] | None) -> str:
    title = place.column.title
    if sorted_by is None or sorted_by[0] != place.column.key:
        return _padded(title, place)
    # no letters, which would be read as part of the title; in ASCII they are v and ^
    mark = "▾" if sorted_by[1] else "▴"
    if cell_width(title) < place.width:
        return _padded(f"{title}{mark}", place)
    # where there is no other room it stands in the blank after the column, and no letter is lost
    return f"{_padded(title, place).removesuffix(_PADDING)}{mark}{_PADDING[1:]}"


def row_strip(
    app: App[object], row: Row, placed: Sequence[PlacedColumn], width: int, base: Style, *, marked: bool
) -> Strip:
    """One row; a marked one has a star before its first cell."""
    segments, used = [], 0
    for place in placed:
        cell = row.cells[place.index]
        text = f"*{cell.text}" if marked and place.index == 0 else cell.text
        segments.append(Segment(_padded(text, place), base + style_of(app, cell.role)))
        used += place.width + 2 * CELL_PADDING
    segments.append(Segment(" " * max(width - used, 0), base))
    return Strip(segments).adjust_cell_length(width, base)


def text_strip(text: str, width: int, style: Style) -> Strip:
    """A line of one text."""
    return Strip([Segment(fitted(f" {text}", width), style)], width)


def _padded(text: str, place: PlacedColumn) -> str:
    return f"{_PADDING}{fitted(text, place.width, right=place.column.right)}{_PADDING}"


def changed_stretches(
    old: Row | None, new: Row, placed: Sequence[PlacedColumn], width: int
) -> Iterator[tuple[int, int]]:
    """Where a line must be drawn again: (first cell, how many cells)."""
    if old is new:
        return
    if old is None or old.key != new.key:
        yield 0, width
        return
    start = 0
    for place in placed:
        wide = place.width + 2 * CELL_PADDING
        before, after = old.cells[place.index], new.cells[place.index]
        # what it is sorted by is not seen
        if before.text != after.text or before.role != after.role:
            yield start, wide
        start += wide
