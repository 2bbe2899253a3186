"""Columns give way by importance, and what stays fits."""

import pytest

from quri_console.render.fleet_cells import fleet_rows
from quri_console.render.grid import CELL_PADDING, LOWEST, Cell, Row, place_columns, sorted_rows
from quri_console.render.table import COLUMNS
from quri_console.render.width import cell_width, fitted
from tests.support.fleets import HEALTHY, NEVER_SEEN, NOW_NS, fleet

ROWS = fleet_rows(fleet(HEALTHY, NEVER_SEEN), NOW_NS)
ALWAYS = [column.key for column in COLUMNS if column.priority == 0]


def keys(width: int) -> list[str]:
    return [place.column.key for place in place_columns(COLUMNS, ROWS, width)]


@pytest.mark.parametrize(
    ("width", "gone"),
    [
        (200, []),
        (120, ["module", "ready", "trend"]),
        (90, ["freeze", "memory", "module", "verified", "ready", "trend"]),
        (80, ["change", "freeze", "memory", "module", "verified", "ready", "trend"]),
        (
            10,
            ["status", "burn", "change", "freeze", "memory", "module", "backup", "verified", "ready", "alert", "trend"],
        ),
    ],
)
def test_the_least_important_columns_go_first(width: int, gone: list[str]) -> None:
    assert keys(width) == [column.key for column in COLUMNS if column.key not in gone]


def test_what_is_placed_fits_unless_only_the_indispensable_is_left() -> None:
    for width in range(10, 201):
        placed = place_columns(COLUMNS, ROWS, width)
        total = sum(place.width + 2 * CELL_PADDING for place in placed)
        assert total <= width or [place.column.key for place in placed] == ALWAYS
        if total < width:
            assert all(len(row.cells[place.index].text) <= place.width for row in ROWS for place in placed)


def test_sorting_is_by_raw_values_and_what_is_not_known_comes_last() -> None:
    rows = [Row(key, (Cell(key, sort=sort),)) for key, sort in [("a", 9.0), ("b", 10.0), ("?", LOWEST), ("c", "x")]]
    assert [row.key for row in sorted_rows(rows, 0)] == ["a", "b", "c", "?"]
    assert [row.key for row in sorted_rows(rows, 0, descending=True)] == ["b", "a", "c", "?"]


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("", 0), ("a\u200b", 1)])
def test_wide_and_combining_characters_count_as_terminals_count_them(text: str, width: int) -> None:
    assert cell_width(text) == width
    for room in range(8):
        assert cell_width(fitted(text, room)) == room
