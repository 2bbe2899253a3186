"""The whole chart as lines of spans: balances, axis, what happened, and the burn as bars below."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.render.chart import AXIS, AXIS_ROWS, draw, merged_blanks
from quri_console.render.chart_bars import bars
from quri_console.render.cycles_events import event_row
from quri_console.render.cycles_plot import CyclesPlot, column_balances, column_burns, marks_of
from quri_console.render.spans import Line, Span
from quri_console.render.table import cycles_text

LABEL_CELLS = 9
"""What the labels beside a chart take at most."""
LEAST_COLUMNS = 20
LEAST_ROWS = 7
_MOST_BAR_ROWS = 5
_ROWS_PER_BAR_ROW = 6


@dataclass(frozen=True, slots=True)
class ChartPicture:
    """Lines to show, and where a cursor stands in them.

    Column 0 is `left` cells from the left edge; `pointer_row` is the line that shows where the cursor is, `spots`
    the line of the balance in each column, None where there is none.
    """

    lines: tuple[Line, ...] = ()
    left: int = 0
    columns: int = 0
    pointer_row: int = 0
    spots: tuple[int | None, ...] = ()


def columns_for(width: int) -> int:
    """How many columns a chart has in that many cells."""
    return max(width - LABEL_CELLS - 1, LEAST_COLUMNS)


def chart_picture(picture: CyclesPlot, height: int) -> ChartPicture:
    """The picture in `height` lines; short ones go without bars."""
    bar_rows = min(height // _ROWS_PER_BAR_ROW, _MOST_BAR_ROWS) if height >= LEAST_ROWS + AXIS_ROWS else 0
    rows = max(height - AXIS_ROWS - 1 - bar_rows, 2)
    plot = marks_of(picture, rows)
    left = plot.label_width + 1
    lines = [merged_blanks(line) for line in draw(plot, picture.window.columns, rows, ascii_only=picture.ascii_only)]
    lines.append(_labelled("events", event_row(picture.charts[0].events, picture.window), left))
    if bar_rows:
        lines += _bars(picture, bar_rows, left)
    return ChartPicture(tuple(lines), left, picture.window.columns, rows, _spots(picture, rows))


def _labelled(label: str, line: Line, left: int) -> Line:
    return (Span(f"{label[: left - 1].rjust(left - 1)} ", AXIS), *line)


def _bars(picture: CyclesPlot, rows: int, left: int) -> list[Line]:
    values = column_burns(picture.charts[0], picture.window)
    known = [value for value in values if value is not None]
    highest = f"{cycles_text(round(max(known)))}/d" if known else "burn/d"
    labels = [highest, *[""] * (rows - 2), "0"] if rows > 1 else [highest]
    drawn = bars(values, rows, ascii_only=picture.ascii_only)
    return [_labelled(label, (Span(text.rstrip(), "spark"),), left) for label, text in zip(labels, drawn, strict=True)]


def _spots(picture: CyclesPlot, rows: int) -> tuple[int | None, ...]:
    scale, found = picture.scale, column_balances(picture.charts[0], picture.window)
    levels = {column: scale.level(balance.cycles) for column, balance in found.items()}
    return tuple(
        round((1 - levels[column]) * (rows - 1)) if column in levels else None
        for column in range(picture.window.columns)
    )
