"""Charts: plotext's colours become roles, columns stand where they belong, bars and scales are exact."""

from __future__ import annotations

import pytest

from quri_console.render.chart import LINE, Marks, Plot, changed_cells, draw, merged_blanks
from quri_console.render.chart_bars import bars
from quri_console.render.chart_scale import Scale, scale_of
from quri_console.render.spans import Line, Span, plain

COLUMNS, ROWS = 30, 6


def plot(*marks: Marks) -> Plot:
    return Plot(marks, ((10, "10:00"),), ((0.0, "0"), (1.0, "5 T")))


def test_every_column_and_row_is_where_it_belongs() -> None:
    for column in range(COLUMNS):
        row = column % ROWS
        lines = draw(plot(Marks((float(column),), (row / (ROWS - 1),), "spark", "x")), COLUMNS, ROWS)
        assert [(y, plain(line).index("x")) for y, line in enumerate(lines[:ROWS]) if "x" in plain(line)] == [
            (ROWS - 1 - row, 9 + column)
        ]


def test_colours_are_roles_and_runs_are_one_span() -> None:
    limit = Marks(tuple(map(float, range(COLUMNS))), (0.0,) * COLUMNS, "status-critical", "─")
    line = Marks((0.0, 29.0), (1.0, 1.0), "spark", LINE, joined=True)
    lines = draw(plot(limit, line), COLUMNS, ROWS)
    assert lines[ROWS - 1][-1] == Span("─" * COLUMNS, "status-critical")
    assert [span.role for span in lines[0]] == ["muted", "spark"]
    assert len(lines) == ROWS + 2
    assert "10:00" in plain(lines[-1])
    assert not any("\x1b" in plain(line) for line in lines)


def test_an_empty_plot_still_has_its_axes() -> None:
    lines = draw(plot(), COLUMNS, ROWS)
    assert len(lines) == ROWS + 2
    assert "5 T┤" in plain(lines[0])
    assert {len(plain(line)) for line in lines} == {9 + COLUMNS}


def test_ascii_is_ascii() -> None:
    line = Marks((0.0, 29.0), (0.0, 1.0), "spark", LINE, joined=True)
    text = "\n".join(map(plain, draw(plot(line), COLUMNS, ROWS, ascii_only=True)))
    assert text.isascii()
    assert "*" in text


def test_a_chart_larger_than_the_terminal_is_drawn_whole() -> None:
    lines = draw(plot(), 400, 90)
    assert len(lines) == 92
    assert len(plain(lines[0])) == 409


def test_blanks_between_two_pieces_cost_no_colour_change() -> None:
    line = (Span("│", "muted"), Span("██", "spark"), Span("   ", "muted"), Span("█", "spark"), Span("  ", "muted"))
    assert merged_blanks(line) == (Span("│", "muted"), Span("██   █  ", "spark"))


@pytest.mark.parametrize(
    ("values", "height", "expected"),
    [
        ([], 2, ("", "")),
        ([None, None], 1, ("  ",)),
        ([0.0, None, 0.0], 1, ("▁ ▁",)),
        ([1.0, 2.0, None, 4.0], 1, ("▂▄ █",)),
        ([1.0, 2.0, None, 4.0], 2, ("   █", "▄█ █")),
        ([1e38, 2e38], 2, (" █", "██")),
        ([1e-9, 1.0], 1, ("▁█",)),
    ],
)
def test_bars(values: list[float | None], height: int, expected: tuple[str, ...]) -> None:
    assert bars(values, height) == expected


def test_bars_in_ascii() -> None:
    assert bars([None, 0.0, 1.0, 4.0], 2, ascii_only=True) == ("   #", " _##")


@pytest.mark.parametrize(
    ("values", "limits", "from_zero", "low", "high"),
    [
        ([], [], True, 0, 1),
        ([1000, 900], [], True, 0, 1050),
        ([1000], [1400, 2000], True, 0, 1470),
        ([0], [0], False, 0, 1),
    ],
)
def test_scales(values: list[int], limits: list[int], from_zero: bool, low: int, high: int) -> None:
    scale = scale_of(values, limits, from_zero=from_zero)
    assert (scale.low, scale.high) == (low, high)


def test_a_scale_over_what_is_seen_includes_limits_that_are_near_and_no_others() -> None:
    scale = scale_of([10**12, 9 * 10**11], [85 * 10**10, 10**11], from_zero=False)
    assert scale.holds(85 * 10**10)
    assert not scale.holds(10**11)


def test_noise_is_not_drawn_as_a_mountain() -> None:
    scale = scale_of([5 * 10**12, 5 * 10**12 - 7], [], from_zero=False)
    assert scale.level(5 * 10**12) - scale.level(5 * 10**12 - 7) < 0.001


@pytest.mark.parametrize(
    ("scale", "texts"),
    [
        (Scale(0, 4_200_000_000_000), ["0", "2 T", "4 T"]),
        (Scale(4_990_000_000_000, 5_001_000_000_000), ["4.990 T", "4.995 T", "5.000 T"]),
        (Scale(0, 9 * 10**8), ["0", "500 M"]),
        (Scale(0, 10**38), ["0", "0.5e38", "1.0e38"]),
        (Scale(0, 1), ["0", "1"]),
    ],
)
def test_labels_are_round_and_differ(scale: Scale, texts: list[str]) -> None:
    labels = scale.labels(3)
    assert [text for _, text in labels] == texts
    assert all(0.0 <= level <= 1.0 for level, _ in labels)


def test_a_huge_balance_loses_nothing_on_the_scale() -> None:
    scale = scale_of([10**38, 10**38 - 10**35], [], from_zero=False)
    assert scale.level(10**38) > scale.level(10**38 - 10**34) > scale.level(10**38 - 10**35)


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ((Span("abc", "x"),), (Span("abc", "x"),), range(0)),
        ((Span("abc", "x"),), (Span("aBc", "x"),), range(1, 2)),
        ((Span("abc", "x"),), (Span("ab", "x"), Span("c", "y")), range(2, 3)),
        ((Span("a  ", "x"),), (Span("a", "x"), Span("  ", "y")), range(0)),
        ((), (Span("  abc"),), range(2, 5)),
        ((Span("abcdefghijkl"),), (), range(10)),
        ((Span("日本"),), (Span("日木"),), range(10)),
    ],
)
def test_only_cells_that_differ_are_painted(before: Line, after: Line, changed: range) -> None:
    assert changed_cells(before, after, 10) == changed
