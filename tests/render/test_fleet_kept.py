"""Rows that are kept from picture to picture: always what would be made anew, and made anew only when it differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.monitor.fleet import CanisterView, Finding, Health
from quri_console.render import zone
from quri_console.render.filtering import FleetFilter
from quri_console.render.fleet_cells import rows_of
from quri_console.render.fleet_kept import KeptRows
from quri_console.render.fleet_look import Look
from quri_console.render.fleet_shown import GROUPINGS, FleetOrder, columns_of, fleet_shown
from quri_console.render.grid import Column, Row
from quri_console.render.table import CRITICALITY_COLUMN, GROUP_COLUMN
from tests.support.fleets import HEALTHY, NEVER_SEEN, NOW_NS, SECOND, fleet

DAY = 86_400
ALL = (*columns_of(""), GROUP_COLUMN, CRITICALITY_COLUMN)
FULL = replace(
    HEALTHY, verified_at_ns=NOW_NS - 7200 * SECOND, ready=True, ready_at_ns=NOW_NS - 60 * SECOND, group="core"
)
OTHER: dict[str, Any] = {
    "name": "other",
    "canister_id": "aaaaa-aa",
    "network": "ic",
    "criticality": "low",
    "status": "stopped",
    "cycles": 1,
    "reserved_cycles": 1,
    "idle_burn_per_day": 1,
    "burn_per_day": 1.0,
    "freezing_limit": 1,
    "runway_seconds": -1.0,
    "memory_bytes": 1,
    "module_hash": bytes(32),
    "controllers": ("aaaaa-aa",),
    "sampled_at_ns": NOW_NS - 7 * DAY * SECOND,
    "attempted_at_ns": NOW_NS,
    "origin": "update",
    "error": "no answer",
    "latency_ms": 1.0,
    "stale": True,
    "health": Health("critical", (Finding("frozen", "critical", "frozen"),)),
    "last_backup_at_ns": NOW_NS - 90 * DAY * SECOND,
    "cycles_series": ((NOW_NS - 80_000 * SECOND, 1), (NOW_NS, 2)),
    "answering": False,
    "alert_burn_per_day": 1.0,
    "burn_is_idle_only": True,
    "snapshot_bytes": 1,
    "empty_seconds": 1.0,
    "interval_seconds": 1.0,
    "group": "edge",
    "module_changed_at_ns": NOW_NS - 60 * SECOND,
    "verified_at_ns": None,
    "ready": False,
    "ready_at_ns": NOW_NS - 2 * DAY * SECOND,
    "alert": "firing",
    "settings": "{}",
}
"""For every field of a view a value that FULL does not have."""


def look(seconds: float = 0) -> Look:
    now_ns = NOW_NS + round(seconds * SECOND)
    return Look(now_ns, now_ns, exact_ages=False)


@pytest.mark.parametrize("name", [field.name for field in fields(CanisterView)])
@pytest.mark.parametrize("before", [FULL, HEALTHY, NEVER_SEEN], ids=["full", "healthy", "never seen"])
def test_whatever_field_differs_the_row_is_what_it_would_be_anew(before: CanisterView, name: str) -> None:
    kept = KeptRows()
    kept.rows_of([before], ALL, look())
    after = replace(before, **{name: OTHER[name]})
    assert kept.rows_of([after], ALL, look()) == rows_of([after], ALL, look())


MOMENTS = st.integers(-2 * DAY, 40 * DAY).map(lambda seconds: NOW_NS - seconds * SECOND)
VIEWS = st.builds(
    replace,
    st.sampled_from([FULL, NEVER_SEEN]),
    sampled_at_ns=st.none() | MOMENTS,
    last_backup_at_ns=st.none() | MOMENTS,
    verified_at_ns=st.none() | MOMENTS,
    ready_at_ns=st.none() | MOMENTS,
    module_changed_at_ns=st.none() | MOMENTS,
    interval_seconds=st.sampled_from([5.0, 60.0, 3600.0]),
    runway_seconds=st.none() | st.floats(-1, 1e12),
)


@given(view=VIEWS, steps=st.lists(st.integers(0, 2 * DAY), max_size=20))
def test_whatever_time_passes_the_row_is_what_it_would_be_anew(view: CanisterView, steps: list[int]) -> None:
    kept, seconds = KeptRows(), 0
    for step in (0, *steps):
        seconds += step
        assert kept.rows_of([view], ALL, look(seconds)) == rows_of([view], ALL, look(seconds))


def test_ages_step_on_rows_whose_canisters_stay_the_same() -> None:
    kept, seen = KeptRows(), []
    place = [column.key for column in ALL].index("backup")
    for minutes in range(0, 4 * 60):
        (row,) = kept.rows_of([replace(FULL, sampled_at_ns=NOW_NS + minutes * 60 * SECOND)], ALL, look(minutes * 60))
        if row.cells[place].text not in seen:
            seen.append(row.cells[place].text)
    assert seen == ["3h", "4h", "5h", "6h"]
    # the steps of the backup and of the day of freezing, and the age of the verified copy, and nothing else
    assert kept.made <= 4 + 4


def test_a_round_that_finds_nothing_new_makes_no_row() -> None:
    kept = KeptRows()
    views = [replace(FULL, canister_id=f"id-{number}") for number in range(50)]
    before = kept.rows_of(views, ALL, look())
    again = [replace(view, sampled_at_ns=NOW_NS + 60 * SECOND, attempted_at_ns=NOW_NS) for view in views]
    after = kept.rows_of(again, ALL, look(60))
    assert kept.made == 50
    assert all(old is new for old, new in zip(before, after, strict=True))


def test_only_the_canister_that_changed_is_made_anew() -> None:
    kept = KeptRows()
    views = [replace(FULL, canister_id=f"id-{number}") for number in range(50)]
    before = kept.rows_of(views, ALL, look())
    views[7] = replace(views[7], cycles=3)
    after = kept.rows_of(views, ALL, look())
    assert kept.made == 51
    assert [old is not new for old, new in zip(before, after, strict=True)].index(True) == 7


def test_what_is_gone_is_forgotten() -> None:
    kept = KeptRows()
    kept.rows_of([FULL], ALL, look())
    kept.rows_of([], ALL, look())
    kept.rows_of([FULL], ALL, look())
    assert kept.made == 2


@pytest.mark.parametrize(
    ("columns", "at"),
    [(columns_of("group"), look()), (ALL, look(7200)), (ALL, replace(look(), exact_ages=True))],
    ids=["other columns", "another hour", "exact ages"],
)
def test_what_concerns_every_row_makes_all_anew(columns: tuple[Column, ...], at: Look) -> None:
    kept = KeptRows()
    kept.rows_of([FULL], ALL, look())
    assert kept.rows_of([FULL], columns, at) == rows_of([FULL], columns, at)


def test_another_zone_makes_all_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptRows()
    kept.rows_of([FULL], ALL, look())
    monkeypatch.setattr(zone, "_Shown", type("_Shown", (), {"zone": "local"}))
    assert kept.rows_of([FULL], ALL, look()) == rows_of([FULL], ALL, look())


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_the_view_sorts_kept_rows_as_it_sorts_new_ones(grouping: Any) -> None:
    kept = KeptRows()
    views = [replace(FULL, canister_id=f"id-{n}", name=f"n{n}", cycles=n * 7 % 5, group="ab"[n % 2]) for n in range(9)]
    for column in columns_of(grouping):
        order = FleetOrder(column.key, grouping=grouping)

        def rows(picture: Callable[..., Any], order: FleetOrder = order, **more: Any) -> tuple[Row, ...]:
            found: tuple[Row, ...] = picture(fleet(*views), FleetFilter(), order, NOW_NS, **more).rows
            return found

        assert rows(fleet_shown, kept=kept) == rows(fleet_shown)
