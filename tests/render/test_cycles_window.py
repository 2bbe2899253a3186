from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from quri_console.render.cycles_window import RANGES, column_text, day_text, same_moment, ticks, window_of
from quri_console.render.zone import show_zone
from tests.support.fleets import NOW_NS, SECOND

DAY = 86_400 * SECOND


@pytest.mark.parametrize("columns", [20, 68, 110, 190])
@pytest.mark.parametrize("chosen", RANGES, ids=lambda found: found.label)
def test_every_range_holds_the_present_and_labels_that_do_not_touch(columns: int, chosen: object) -> None:
    assert isinstance(chosen, type(RANGES[0]))
    window = window_of(chosen.seconds, columns, NOW_NS, with_future=True)
    assert window.columns == columns
    assert window.column(NOW_NS) == window.past - 1
    assert window.until_ns - window.since_ns == pytest.approx(chosen.seconds * SECOND, rel=0.01)
    places = ticks(window)
    assert places or columns < 30
    for (column, text), (following, _) in pairwise(places):
        assert column + len(text) < following
    assert column_text(window, 0).endswith("UTC")


def test_a_window_stands_still_until_a_column_is_over() -> None:
    first = window_of(86_400, 100, NOW_NS, with_future=False)
    assert window_of(86_400, 100, first.until_ns - 1, with_future=False) == first
    assert window_of(86_400, 100, first.until_ns, with_future=False).since_ns == first.start_ns(1)
    assert first.future == 0


def test_the_cursor_stays_on_its_moment() -> None:
    before = window_of(86_400, 100, NOW_NS, with_future=False)
    after = window_of(86_400, 100, before.until_ns + before.column_ns, with_future=False)
    assert same_moment(50, before, before) == 50
    assert same_moment(50, before, after) == 48
    assert same_moment(1, before, after) is None
    assert same_moment(None, before, after) is None
    assert same_moment(50, before, window_of(3600, 100, NOW_NS, with_future=False)) is None


def test_days_far_away_have_a_year() -> None:
    assert day_text(NOW_NS, NOW_NS) == "Jun 15"
    assert day_text(NOW_NS + 300 * DAY, NOW_NS) == "Apr 2026"


def test_the_shown_zone_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    show_zone("local")
    try:
        window = window_of(86_400, 100, NOW_NS, with_future=False)
        assert column_text(window, 0).endswith("UTC+05:30")
        midnight = datetime(2025, 6, 15, tzinfo=UTC) - timedelta(hours=5, minutes=30)
        assert (window.column(round(midnight.timestamp()) * SECOND), "Jun 15") in ticks(window)
    finally:
        show_zone("utc")
        monkeypatch.undo()
        time.tzset()
