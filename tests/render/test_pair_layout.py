"""Two values with an arrow between them, or side by side in columns that fit the screen."""

from __future__ import annotations

import pytest

from quri_console.render.pair_layout import PairLayout, rows_of
from quri_console.render.spans import Line, Span, plain
from quri_console.render.width import cell_width


def texts(lines: tuple[Line, ...]) -> list[str]:
    return [plain(line) for line in lines]


def test_without_a_width_an_arrow_stands_between_them() -> None:
    lines = tuple(PairLayout().pair("heap", "1 MiB", "2 MiB", change=Span("(+1 MiB)", "delta-up")))
    assert texts(lines) == ["  heap               1 MiB → 2 MiB (+1 MiB)"]
    assert texts(tuple(PairLayout().one_sided("+ controller x", "delta-up", on_the_right=True))) == ["  + controller x"]
    assert tuple(PairLayout().heading()) == ()


def test_with_one_left_and_right_stand_in_columns() -> None:
    layout = PairLayout(60)
    lines = (*layout.heading(), *layout.pair("heap", "1 MiB", "2 MiB", change=Span("(+1 MiB)", "delta-up")))
    assert texts(lines) == [
        "                     left               │ right",
        "  heap               1 MiB              │ 2 MiB (+1 MiB)",
    ]
    gone = tuple(layout.one_sided("- controller x", "delta-down", on_the_right=False))
    assert texts(gone) == ["                     - controller x     │ "]
    new = tuple(layout.one_sided("+ controller x", "delta-up", on_the_right=True))
    assert texts(new) == ["                                        │ + controller x"]


@pytest.mark.parametrize("width", [60, 77, 120, 200])
def test_long_values_wrap_inside_their_columns_and_nothing_is_lost(width: int) -> None:
    left, right = "abc " * 40, "x" * 150
    lines = tuple(PairLayout(width).pair("a label", left, right))
    assert all(cell_width(plain(line)) <= width for line in lines)
    columns = [plain(line)[21:].split(" │ ") for line in lines]
    assert "".join(here for here, _ in columns).replace(" ", "") == left.replace(" ", "")
    assert "".join(there for _, there in columns) == right
    assert list(rows_of(lines)) == [lines]


def test_rows_begin_where_the_columns_do_not_go_on() -> None:
    layout = PairLayout(60)
    one = tuple(layout.pair("one", "a " * 30, "b"))
    two = tuple(layout.pair("two", "a", "b"))
    assert list(rows_of((*one, *two))) == [one, two]


def test_ascii_terminals_get_an_ascii_wall() -> None:
    assert " | " in plain(next(PairLayout(60, ascii_only=True).pair("a", "b", "c")))
