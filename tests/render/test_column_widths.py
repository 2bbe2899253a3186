"""Columns of a live table: as wide as what is shown, and they do not wander."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quri_console.render.column_widths import ColumnWidths
from quri_console.render.grid import Cell, Column, Row, place_columns

COLUMNS = (Column("name", "Name"), Column("more", "More", priority=1), Column("last", "X", priority=2))


def row(*texts: str) -> Row:
    return Row(texts[0], tuple(map(Cell, texts)))


def widths(found: ColumnWidths, *rows: Row, total: int = 60) -> dict[str, int]:
    return {place.column.key: place.width for place in found.place(COLUMNS, rows, total)}


def test_they_grow_with_what_is_shown_and_do_not_shrink_with_it() -> None:
    found = ColumnWidths()
    assert widths(found, row("a", "b", "c")) == {"name": 4, "more": 4, "last": 1}
    assert widths(found, row("a" * 9, "b", "c")) == {"name": 9, "more": 4, "last": 1}
    assert widths(found, row("a", "b", "c")) == {"name": 9, "more": 4, "last": 1}


def test_they_begin_again_when_told_to() -> None:
    found = ColumnWidths()
    widths(found, row("a" * 9, "b", "c"))
    found.forget()
    assert widths(found, row("a", "b", "c")) == {"name": 4, "more": 4, "last": 1}


def test_what_was_wide_once_pushes_nothing_out_that_has_room_now() -> None:
    found = ColumnWidths()
    assert widths(found, row("a", "b" * 9, "c"), total=20) == {"name": 4, "more": 9, "last": 1}
    assert widths(found, row("a" * 8, "b", "c"), total=20) == {"name": 8, "more": 4, "last": 1}


TEXTS = st.text("aé日\u200b", max_size=12)
ROWS = st.lists(st.tuples(TEXTS, TEXTS, TEXTS).map(lambda texts: row(*texts)), max_size=6)


@given(pictures=st.lists(ROWS, min_size=1, max_size=6), total=st.integers(4, 60), data=st.data())
def test_whatever_came_before_rows_are_measured_as_if_they_were_the_first(
    pictures: list[list[Row]], total: int, data: st.DataObject
) -> None:
    found, before = ColumnWidths(), []
    for rows in pictures:
        shown = rows + data.draw(st.lists(st.sampled_from(before), max_size=4) if before else st.just([]))
        found.forget()
        assert found.place(COLUMNS, shown, total) == place_columns(COLUMNS, shown, total)
        before = shown
