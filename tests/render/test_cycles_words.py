"""The sentences of the Cycles view, by tables."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from quri_console.monitor.burn_causes import BurnByCause, CauseBurn
from quri_console.monitor.fleet import Health
from quri_console.monitor.forecast import Forecast, NoForecast
from quri_console.monitor.payers import PayerView
from quri_console.monitor.series import HistoryEvent
from quri_console.render.cycles_ahead import freeze_text
from quri_console.render.cycles_events import event_row, event_words
from quri_console.render.cycles_plot import (
    limits_of,
    plot_of,
)
from quri_console.render.cycles_words import (
    cursor_lines,
    heading_lines,
    legend_lines,
    more_lines,
    runway_sentence,
)
from quri_console.render.spans import plain
from tests.support.cycle_pictures import (
    BILLION,
    BURN,
    FLEET,
    HOSTILE,
    TRILLION,
    burn_of,
    chart_of,
    day_window,
    fleet_of,
    forecast,
    picture_of,
)
from tests.support.fleets import HEALTHY, NEVER_SEEN, NOW_NS, RUNE, SECOND


def test_of_several_events_in_a_column_the_most_important_is_drawn() -> None:
    window = day_window()
    row = plain(event_row(chart_of(window).events, window))
    assert row == "   M     R"


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (HistoryEvent(0, "topped-up", "", "", TRILLION), "topped up by ≈ 1 T"),
        (HistoryEvent(0, "module-changed", "", "ab" * 32, None), "module changed none → abababababa…"),
        (HistoryEvent(0, "status-changed", "running", HOSTILE, None), "status changed running → \\e[31m[bold…"),
        (HistoryEvent(0, "deleted", "", "", None), "deleted"),
        (HistoryEvent(0, "sung", HOSTILE, "", None), "changed"),
    ],
)
def test_events_in_words(event: HistoryEvent, words: str) -> None:
    assert event_words(event) == words


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (forecast(88, 92), "Sep 13 ± 2 d"),
        (forecast(89.9, 90.1), "Sep 13 ± 2 h"),
        (forecast(89, 120), "Sep 13 (Sep 12 to Oct 13)"),
        (forecast(92, 100), "Sep 13 (Sep 15 to Sep 23)"),
        (forecast(85, None), "Sep 13 (Sep 8 at the earliest)"),
        (NoForecast("no interval yet: 3 of 14 days of history"), "Sep 13"),
    ],
)
def test_the_day_of_freezing(found: Forecast | NoForecast, text: str) -> None:
    assert freeze_text(90 * 86_400, burn_of(found), NOW_NS) == text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "5 T cycles, burning ≈ 12 B/day, frozen in ≈ 90 d, Sep 13 ± 10 d"),
        ({"runway_seconds": 0.0}, "5 T cycles, burning ≈ 12 B/day, FROZEN NOW"),
        ({"runway_seconds": None, "burn_per_day": None}, "5 T cycles"),
        (
            {"burn_is_idle_only": True, "runway_seconds": None},
            "5 T cycles, burning ≈ 12 B/day when idle (nothing observed yet)",
        ),
        (
            {"stale": True, "runway_seconds": None, "sampled_at_ns": NOW_NS - 7200 * SECOND},
            "5 T cycles, burning ≈ 12 B/day, STALE, 2 h old",
        ),
        ({"cycles": None}, "cycles not known: not shown to us"),
        ({"cycles": None, "sampled_at_ns": None}, "cycles not known: no sample yet"),
    ],
)
def test_the_sentence(changes: dict[str, object], sentence: str) -> None:
    view = replace(HEALTHY, **changes)  # type: ignore[arg-type]
    assert runway_sentence(view, BURN, NOW_NS) == sentence


def test_headings_without_a_canister() -> None:
    assert plain(heading_lines((), FLEET, {}, "1 d", NOW_NS)[0]) == "No canister is chosen."
    gone = heading_lines((chart_of(day_window()),), fleet_of(), {}, "1 d", NOW_NS)
    assert plain(gone[0]) == "rune-engine  1 d  "


def test_the_cursor_reads_the_past_and_the_future() -> None:
    window = day_window()
    picture = picture_of(window, chart_of(window))
    past = plain(cursor_lines(picture, 3)[0])
    assert "4.99 T (4.99 T to 5 T)  burn ≈ 24 B/day  topped up by ≈ 1 T  module changed 0a0a0a0a0a0…" in past
    assert "\x1b" not in past
    ahead = plain(cursor_lines(picture, window.columns - 1)[0])
    assert "  expected ≈ 5 T (" in ahead
    assert "no sample" not in ahead


def test_between_two_looks_the_cursor_reads_the_one_before() -> None:
    window = day_window()
    chart = chart_of(window)
    seldom = replace(chart, balances=chart.balances[:20:5], gap_ns=6 * window.column_ns)
    text = plain(cursor_lines(picture_of(window, seldom), 7)[0])
    assert "  4.97 T seen 2025-06-14 18:00 UTC" in text
    assert plain(cursor_lines(picture_of(window, seldom), 40)[0]).count("no sample") == 1


def test_plotext_waits_for_the_first_chart() -> None:
    code = "import quri_console.render.cycles_picture, sys; sys.exit('plotext' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_legend_tells_of_limits_outside_of_the_picture() -> None:
    window = day_window()
    chart = chart_of(window, top=10 * TRILLION)
    rich = fleet_of(replace(HEALTHY, cycles=10 * TRILLION))
    picture = plot_of((chart,), window, rich, {RUNE: BURN}, from_zero=False)
    text = plain(legend_lines(picture)[0])
    assert "freezing limit 213 B (below)" in text
    assert "forecast interval" in text
    assert "M module changed" in text
    poor = plot_of(
        (chart_of(window, top=BILLION),), window, fleet_of(replace(HEALTHY, cycles=None)), {}, from_zero=True
    )
    assert "warning 1 T (above)" in plain(legend_lines(poor)[0])
    assert "forecast" not in plain(legend_lines(poor)[0])


def test_limits_that_are_off_are_left_out() -> None:
    chart = replace(chart_of(day_window()), warning_cycles=0, critical_cycles=0)
    assert limits_of(None, chart) == ()


def test_all_else_in_words() -> None:
    causes = BurnByCause((CauseBurn("memory", 9e9, 0.75), CauseBurn("http_outcalls", 3e9, 0.25)), 12e9, 86_400.0)
    burn = burn_of(NoForecast("no interval yet: 3 of 14 days of history"), anomaly=HOSTILE, causes=causes)
    payers = (
        PayerView(
            "team", "aaaaa-aa", 30 * TRILLION, NOW_NS - 180 * SECOND, "timed out", 86_400.0 * 9, Health("warning")
        ),
        PayerView(HOSTILE, "aaaaa-aa", None, None, "no", None, Health("unknown")),
        PayerView("rich", "aaaaa-aa", 10**38, NOW_NS, "", 1e20, Health("ok")),
    )
    window = day_window()
    fleet = fleet_of(*FLEET.canisters, payers=payers)
    lines = more_lines((chart_of(window),), fleet, {RUNE: burn}, NOW_NS)
    text = "\n".join(map(plain, lines))
    assert "• no interval yet: 3 of 14 days of history" in text
    assert "█████████     75% memory" in text
    assert "unusual: \\e[31m[bold]evil[/]\\u{202e}" in text
    assert "• burns ≈ 24 B/day together" in text
    assert "• first to freeze: rune-engine, in ≈ 90 d" in text
    assert "• payer team: 30 T, pays the fleet for ≈ 9 d (seen 3m ago; timed out)" in text
    assert "balance not known: no" in text
    assert "• payer rich: 1.0e+38, pays the fleet for 100 years" in text
    assert not any(character in text for character in "\x1b\u202e")
    plainer = "\n".join(
        map(plain, more_lines((chart_of(window),), fleet_of(NEVER_SEEN), {RUNE: burn}, NOW_NS, ascii_only=True))
    )
    assert "#########" in plainer
    assert "burn not known yet" in plainer
    assert "no payer is configured" in plainer
