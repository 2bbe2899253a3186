"""Where rows stand while pictures come and somebody moves among them."""

from __future__ import annotations

import pytest

from quri_console.render.grid import Cell, Row
from quri_console.render.standing_rows import GONE, StandingRows


def rows(names: str) -> tuple[Row, ...]:
    return tuple(Row(name, (Cell(name), Cell("ok"), Cell("-"))) for name in names)


@pytest.mark.parametrize(
    ("before", "given", "cursor", "still", "after"),
    [
        ("", "abc", None, False, "abc"),
        ("", "abc", None, True, "abc"),
        ("abc", "cba", "b", False, "cba"),
        ("abc", "cba", "b", True, "abc"),
        ("abc", "dcba", "b", True, "abcd"),
        ("abc", "ca", "b", False, "cba"),
        ("abc", "ca", "b", True, "abc"),
        ("abc", "a", "c", False, "ac"),
        ("abc", "", "c", False, "c"),
        ("abc", "", None, False, ""),
        ("abc", "xyz", "nobody", False, "xyz"),
        ("ab", "abb", "a", False, "abb"),
    ],
)
def test_where_they_stand(before: str, given: str, cursor: str | None, still: bool, after: str) -> None:
    standing = StandingRows()
    standing.give(rows(before))
    standing.settle(None, still=False)
    standing.give(rows(given))
    left = standing.settle(cursor, still=still)
    assert "".join(row.key for row in left) == before
    assert "".join(row.key for row in standing.rows) == after
    assert standing.is_gone(cursor) == (cursor is not None and cursor not in given)
    gone = [row.key for row in standing.rows if row.cells[1].text == GONE]
    assert gone == ([cursor] if cursor in (*before,) and cursor not in given else [])


def test_before_anything_is_given_nothing_is_gone() -> None:
    standing = StandingRows()
    assert not standing.given
    assert not standing.is_gone("a")
    assert standing.settle("a", still=False) == standing.rows == ()
