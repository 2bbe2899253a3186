"""The fleet's rows: what is unknown, stale or bad looks so, and sorts so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.monitor.fleet import CanisterView, Finding, Health
from quri_console.render.ages import short_age, utc_text
from quri_console.render.cycles_ahead import freeze_parts
from quri_console.render.fleet_cells import fleet_rows, rows_of
from quri_console.render.fleet_look import Look
from quri_console.render.grid import LOWEST, Cell
from quri_console.render.table import (
    COLUMNS,
    CRITICALITY_COLUMN,
    GROUP_COLUMN,
    LONGEST_NAME,
)
from tests.support.fleets import HEALTHY, NEVER_SEEN, NOW_NS, SECOND, fleet, view

ALL = (*COLUMNS, GROUP_COLUMN, CRITICALITY_COLUMN)
DAY = 86_400


def cells(of: CanisterView, *, exact_ages: bool = True, later: int = 0) -> dict[str, Cell]:
    look = Look(NOW_NS + later * SECOND, NOW_NS, exact_ages=exact_ages)
    (row,) = rows_of([of], ALL, look)
    return {column.key: cell for column, cell in zip(ALL, row.cells, strict=True)}


def test_a_healthy_canister() -> None:
    texts = {key: cell.text for key, cell in cells(HEALTHY).items()}
    assert texts == {
        "name": "rune-engine",
        "health": "ok",
        "status": "running",
        "cycles": "5 T",
        "runway": "≈90d",
        "burn": "≈12 B",
        "change": "-100 B",
        "freeze": "Sep 13",
        "memory": "69.4 MiB",
        "module": "0001020",
        "backup": "3h",
        "verified": "never",
        "ready": "",
        "alert": "",
        "age": "14s",
        "trend": "█          ▁",
        "group": "–",
        "criticality": "high",
    }


def test_what_is_not_known_is_a_dash_that_sorts_lowest() -> None:
    shown = cells(NEVER_SEEN)
    for key in ("status", "cycles", "runway", "burn", "memory", "change", "freeze", "module"):
        assert (shown[key].text, shown[key].role, shown[key].sort) == ("–", "muted", LOWEST)
    assert (shown["age"].text, shown["backup"].text) == ("never", "never")
    assert shown["health"].role == "status-unknown"


def test_stale_values_say_so() -> None:
    shown = cells(view(stale=True, sampled_at_ns=NOW_NS - 7200 * SECOND))
    assert {key for key, cell in shown.items() if cell.role == "stale"} == {
        "status",
        "cycles",
        "runway",
        "burn",
        "change",
        "freeze",
        "memory",
        "age",
    }
    assert shown["age"].text == "2h"


@pytest.mark.parametrize("level", ["ok", "warning", "critical", "unknown"])
def test_health_has_the_role_of_its_level(level: str) -> None:
    assert cells(view(health=Health(level, (Finding("stopped", level, "why"),))))["health"].role == f"status-{level}"


def test_health_sorts_by_urgency() -> None:
    ranks = [cells(view(health=Health(level)))["health"].sort for level in ("ok", "unknown", "warning", "critical")]
    assert ranks == sorted(ranks)


def test_a_stopped_canister_stands_out() -> None:
    assert cells(view(status="stopped"))["status"].role == "status-critical"


def test_names_from_outside_are_escaped() -> None:
    assert cells(view(name="x\x1b[2J"))["name"].text == "x\\e[2J"


@given(st.integers(0, 10**40), st.floats(0, 1e45), st.integers(0, 2**60))
def test_every_cell_stays_narrow(cycles: int, number: float, memory: int) -> None:
    shown = cells(view(cycles=cycles, burn_per_day=number, runway_seconds=number, memory_bytes=memory))
    assert all(len(cell.text) <= 16 for cell in shown.values())


def test_a_name_of_ten_megabytes_is_cut() -> None:
    assert len(cells(view(name="\x1b" * 10_000_000))["name"].text) <= LONGEST_NAME


@pytest.mark.parametrize(
    ("series", "text", "role", "sort"),
    [
        (((NOW_NS - 3600 * SECOND, 4_000_000_000_000), (NOW_NS, 5_000_000_000_000)), "+1 T", "delta-up", 1e12),
        (((NOW_NS - 3600 * SECOND, 5_000_000_000_001), (NOW_NS, 5_000_000_000_000)), "-1", "delta-down", -1.0),
        (((NOW_NS - 3600 * SECOND, 5_000_000_000_000), (NOW_NS, 5_000_000_000_000)), "0", "plain", 0.0),
        (((NOW_NS, 5_000_000_000_000),), "–", "muted", LOWEST),
    ],
)
def test_the_change_of_a_day_has_a_sign_and_a_role(
    series: tuple[tuple[int, int], ...], text: str, role: str, sort: float
) -> None:
    assert cells(view(cycles_series=series))["change"] == Cell(text, role, sort)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "now"), (-5.0, "now"), (3600.0, "Jun 15"), (400.0 * DAY, "Jul 2026"), (1e300, ">100 y")],
)
def test_the_freeze_date(seconds: float, text: str) -> None:
    assert cells(view(runway_seconds=seconds))["freeze"].text == text


def test_a_module_that_changed_within_a_day_is_marked() -> None:
    assert cells(view(module_changed_at_ns=NOW_NS - 3600 * SECOND))["module"] == Cell(
        "0001020*", "delta-changed", "0001020"
    )
    assert cells(view(module_changed_at_ns=NOW_NS - 90_000 * SECOND))["module"].text == "0001020"


@pytest.mark.parametrize(
    ("ready", "hours", "text", "role"),
    [
        (None, None, "", "plain"),
        (True, 1, "yes", "status-ok"),
        (False, 1, "no", "status-critical"),
        (True, 30, "yes", "stale"),
    ],
)
def test_ready_is_blank_until_somebody_asked(ready: bool | None, hours: int | None, text: str, role: str) -> None:
    asked = None if hours is None else NOW_NS - hours * 3600 * SECOND
    shown = cells(view(ready=ready, ready_at_ns=asked))["ready"]
    assert (shown.text, shown.role) == (text, role)


def test_alerts_sort_by_urgency() -> None:
    ranks = [cells(view(alert=mark))["alert"].sort for mark in ("", "silenced", "acked", "pending", "firing")]
    assert ranks == sorted(ranks)
    assert cells(view(alert="firing"))["alert"] == Cell("firing", "status-critical", 4.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, ""),
        (119, ""),
        (121, "2m"),
        (299, "2m"),
        (300, "5m"),
        (1799, "10m"),
        (1800, "30m"),
        (3599, "30m"),
        (3600, "1h"),
        (7199, "1h"),
        (3 * DAY, "3d"),
    ],
)
def test_on_the_screen_an_age_is_blank_while_it_is_fresh_and_then_goes_in_steps(seconds: int, text: str) -> None:
    shown = cells(view(sampled_at_ns=NOW_NS), exact_ages=False, later=seconds)
    assert shown["age"].text == text
    # no new picture came: what is shown is old all the same
    assert (shown["cycles"].role == "stale") == (text != "")


def test_a_canister_that_is_seldom_looked_at_stays_fresh_for_longer() -> None:
    seldom = view(sampled_at_ns=NOW_NS, interval_seconds=3600.0)
    assert cells(seldom, exact_ages=False, later=7000)["age"].text == ""
    assert cells(view(sampled_at_ns=NOW_NS, interval_seconds=5.0), exact_ages=False, later=20)["age"].text == "<1m"


def test_nothing_is_drawn_anew_while_nothing_changes() -> None:
    fresh = view(sampled_at_ns=NOW_NS, last_backup_at_ns=NOW_NS - 3700 * SECOND)
    now, later = (cells(fresh, exact_ages=False, later=seconds) for seconds in (0, 60))
    for key in now.keys() - {"trend"}:
        assert (now[key].text, now[key].role) == (later[key].text, later[key].role), key


def test_rows_keep_the_fleets_order_and_carry_ids() -> None:
    other = view(name="b", canister_id="aaaaa-aa")
    assert [row.key for row in fleet_rows(fleet(other, HEALTHY), NOW_NS)] == ["aaaaa-aa", HEALTHY.canister_id]


@pytest.mark.parametrize(
    ("seconds_ago", "text"),
    [
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (3600, "1h"),
        (86_400, "1d"),
        (400 * 86_400, "1y"),
        (-3, "0s"),
        (-60, "ahead"),
    ],
)
def test_ages(seconds_ago: int, text: str) -> None:
    assert short_age(NOW_NS - seconds_ago * SECOND, NOW_NS) == text


def test_times_name_their_zone() -> None:
    assert utc_text(NOW_NS) == "2025-06-15 15:06:40 UTC"


@pytest.mark.parametrize(
    ("seconds", "day"),
    [(0.5, "Jun 15"), (8 * 3600, "Jun 15"), (8.9 * 3600, "Jun 16"), (30 * DAY, "Jul 15"), (400 * DAY, "Jul 2026")],
)
def test_the_day_of_freezing_is_that_of_the_sentence_beside_the_table(seconds: float, day: str) -> None:
    # the picture is of 15:06: what counts are minutes, too
    assert cells(view(runway_seconds=seconds))["freeze"].text == day
    assert day in freeze_parts(seconds, None, NOW_NS)[0]


@pytest.mark.parametrize("seconds", [101 * 365 * DAY, 1e30, float("inf")])
def test_what_lasts_longer_than_anybody_has_no_day(seconds: float) -> None:
    assert cells(view(runway_seconds=seconds))["freeze"].text == ">100 y"
