"""The pictures of the Cycles view, by tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quri_console.monitor.chart_data import Burnt
from quri_console.render.cycles_picture import chart_picture, columns_for
from quri_console.render.cycles_plot import (
    column_balances,
    column_burns,
    plot_of,
    stretches,
)
from quri_console.render.cycles_window import RANGES, window_of
from quri_console.render.cycles_words import (
    cursor_lines,
    heading_lines,
    runway_sentence,
)
from quri_console.render.spans import plain
from tests.support.cycle_pictures import (
    FLEET,
    TRILLION,
    chart_of,
    day_window,
    fleet_of,
    picture_of,
)
from tests.support.fleets import HEALTHY, NEVER_SEEN, NOW_NS, REGISTRY


@pytest.mark.parametrize(("width", "height"), [(60, 8), (78, 12), (118, 24), (116, 44)])
@pytest.mark.parametrize("number", range(len(RANGES)))
@pytest.mark.parametrize("ascii_only", [False, True])
def test_every_range_fits_every_size(width: int, height: int, number: int, ascii_only: bool) -> None:
    window = window_of(RANGES[number].seconds, columns_for(width), NOW_NS, with_future=True)
    found = chart_picture(picture_of(window, chart_of(window), ascii_only=ascii_only), height)
    texts = [plain(line) for line in found.lines]
    assert len(texts) == height
    assert max(map(len, texts)) <= width
    assert len(found.spots) == found.columns == window.columns
    assert all(spot is None or 0 <= spot < found.pointer_row for spot in found.spots)
    assert "".join(texts).isascii() == ascii_only
    assert any("M" in text for text in texts)


def test_the_picture_has_limits_a_band_and_bars_in_their_roles() -> None:
    window = window_of(365 * 86_400, 60, NOW_NS, with_future=True)
    found = chart_picture(picture_of(window, chart_of(window)), 20)
    roles = {span.role for line in found.lines for span in line}
    assert roles >= {"spark", "status-critical", "status-warning", "muted", "delta-changed"}
    text = "\n".join(map(plain, found.lines))
    assert all(sign in text for sign in "░·┊─┄M█")


def test_without_a_balance_there_is_a_picture_all_the_same() -> None:
    window = day_window()
    empty = replace(chart_of(window), balances=(), burnt=(), events=())
    picture = plot_of((empty,), window, fleet_of(NEVER_SEEN), {}, from_zero=False)
    found = chart_picture(picture, 12)
    assert len(found.lines) == 12
    assert set(found.spots) == {None}
    assert plain(cursor_lines(picture, 0)[0]).endswith("no sample")
    assert plain(cursor_lines(picture, window.columns - 1)[0]).endswith("no forecast")


def test_what_nobody_saw_is_a_gap() -> None:
    window = day_window()
    chart = chart_of(window)
    holed = replace(chart, balances=chart.balances[:20] + chart.balances[30:])
    assert [len(stretch) for stretch in stretches(holed)] == [20, len(chart.balances) - 30]
    found = chart_picture(picture_of(window, holed), 20)
    assert {found.spots[column] for column in range(20, 30)} == {None}
    assert None not in found.spots[:20]


def test_several_canisters_are_told_apart_without_colour() -> None:
    window = day_window()
    second = chart_of(window, name="registry", canister=REGISTRY, top=3 * TRILLION)
    picture = picture_of(window, chart_of(window), second)
    text = "\n".join(map(plain, chart_picture(picture, 20).lines))
    assert "1" * 5 in text
    assert "2" * 5 in text
    assert "░" not in text
    head = plain(heading_lines(picture.charts, FLEET, {}, "1 d", NOW_NS)[0])
    assert head.startswith("1 rune-engine, 2 registry  1 d  rune-engine: 5 T cycles")
    assert "  1 4.95 T  2 2.97 T" in plain(cursor_lines(picture, 10)[0])
    assert "  1 expected ≈ " in plain(cursor_lines(picture, window.past)[0])


@pytest.mark.parametrize("number", range(len(RANGES)))
def test_columns_add_up_what_was_burnt(number: int) -> None:
    window = window_of(RANGES[number].seconds, 100, NOW_NS, with_future=False)
    chart = chart_of(window)
    expected = 10**9 * 86_400 / chart.slot_seconds
    burns = [burn for burn in column_burns(chart, window) if burn is not None]
    assert burns == pytest.approx([expected] * len(burns))
    assert len(burns) >= window.past - 1
    assert len(column_balances(chart, window)) == window.past


def test_columns_without_observation_have_no_burn() -> None:
    window = day_window()
    chart = replace(chart_of(window), burnt=(Burnt(window.since_ns, 5, 0.0),))
    assert set(column_burns(chart, window)) == {None}


def test_a_balance_of_ten_to_the_38_is_drawn_and_said() -> None:
    window = day_window()
    chart = chart_of(window, top=10**38)
    view = replace(HEALTHY, cycles=10**38, burn_per_day=1e35, runway_seconds=1e30)
    picture = plot_of((chart,), window, fleet_of(view), {}, from_zero=False)
    found = chart_picture(picture, 16)
    assert max(len(plain(line)) for line in found.lines) <= 60 + 10
    assert len({spot for spot in found.spots if spot is not None}) > 3
    assert runway_sentence(view, None, NOW_NS) == "1.0e+38 cycles, burning ≈ 1.0e+35/day, freezing not in 100 years"
    assert "9.9e+37" in plain(cursor_lines(picture, 10)[0])
