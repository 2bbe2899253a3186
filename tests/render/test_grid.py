"""Columns give way by importance, and what stays fits."""

import pytest

from quri_console.render.layout import CELL_PADDING, place_columns
from quri_console.render.table import COLUMNS, fleet_rows
from tests.support.fleets import HEALTHY, NEVER_SEEN, NOW_NS, fleet

ROWS = fleet_rows(fleet(HEALTHY, NEVER_SEEN), NOW_NS)
ALWAYS = [column.key for column in COLUMNS if column.priority == 0]


def keys(width: int) -> list[str]:
    return [place.column.key for place in place_columns(ROWS, width)]


@pytest.mark.parametrize(
    ("width", "gone"),
    [
        (200, []),
        (90, ["trend"]),
        (80, ["memory", "trend"]),
        (10, ["status", "burn", "memory", "backup", "trend"]),
    ],
)
def test_the_least_important_columns_go_first(width: int, gone: list[str]) -> None:
    assert keys(width) == [column.key for column in COLUMNS if column.key not in gone]


def test_what_is_placed_fits_unless_only_the_indispensable_is_left() -> None:
    for width in range(10, 201):
        placed = place_columns(ROWS, width)
        total = sum(place.width + 2 * CELL_PADDING for place in placed)
        assert total <= width or [place.column.key for place in placed] == ALWAYS
        assert all(len(row.cells[place.index].text) <= place.width for row in ROWS for place in placed)
