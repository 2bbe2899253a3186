"""The fleet's rows: what is unknown, stale or bad looks so, and sorts so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.monitor.fleet import CanisterView, Finding, Health
from quri_console.render.ages import short_age, utc_text
from quri_console.render.table import COLUMNS, LOWEST, Cell, canister_cells, fleet_rows
from tests.support.fleets import HEALTHY, NEVER_SEEN, NOW_NS, SECOND, fleet, view

KEYS = [column.key for column in COLUMNS]


def cells(of: CanisterView) -> dict[str, Cell]:
    return dict(zip(KEYS, canister_cells(of, NOW_NS), strict=True))


def test_a_healthy_canister() -> None:
    texts = {key: cell.text for key, cell in cells(HEALTHY).items()}
    assert texts == {
        "name": "rune-engine",
        "health": "ok",
        "status": "running",
        "cycles": "5 T",
        "runway": "≈90d",
        "burn": "≈12 B",
        "memory": "69.4 MiB",
        "backup": "3h",
        "age": "14s",
        "trend": "█          ▁",
    }


def test_what_is_not_known_is_a_dash_that_sorts_lowest() -> None:
    shown = cells(NEVER_SEEN)
    for key in ("status", "cycles", "runway", "burn", "memory"):
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
