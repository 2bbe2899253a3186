"""The selected canister, in words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from quri_console.effects.operation_summary import OperationSummary
from quri_console.monitor.canister_facts import CanisterFacts
from quri_console.monitor.fleet import CanisterView
from quri_console.monitor.series import HistoryEvent
from quri_console.render.detail import MANY_SAMPLES, detail_lines
from quri_console.render.fleet_more import MOST_EVENTS
from quri_console.render.spans import plain
from tests.support.fleets import HEALTHY, NEVER_SEEN, NOW_NS, SECOND, view


@pytest.mark.parametrize(
    ("of", "sentence"),
    [
        (HEALTHY, "5 T cycles, burning ≈ 12 B/day, frozen in ≈ 90 d, Sep 13."),
        (view(runway_seconds=0.0), "FROZEN NOW"),
        (view(burn_per_day=None, runway_seconds=None, memory_bytes=None), "5 T cycles."),
        (NEVER_SEEN, "Cycles not known: no sample yet"),
        (replace(HEALTHY, cycles=None), "Cycles not known: not shown to us"),
    ],
    ids=["healthy", "frozen", "no burn", "never seen", "not readable"],
)
def test_how_long_the_cycles_last(of: CanisterView, sentence: str) -> None:
    assert sentence in detail(of)


def detail(of: CanisterView | None, width: int = 80) -> str:
    return "\n".join(plain(line) for line in detail_lines(of, NOW_NS, width=width))


def test_nothing_selected_is_said() -> None:
    assert detail(None) == "No canister is selected."


def test_a_stale_canister_says_how_old_and_why() -> None:
    shown = detail(view(stale=True, sampled_at_ns=NOW_NS - 7200 * SECOND, error="refused"))
    assert "STALE, 2 h old" in shown
    assert "refused" in shown


def test_snapshots_on_chain_are_said_with_what_they_take() -> None:
    assert "3 MiB of snapshots on chain" in detail(view(snapshot_bytes=3 << 20))
    for none in (None, 0):
        assert "snapshots" not in detail(view(snapshot_bytes=none))


HOURS = 3600 * SECOND


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"last_backup_at_ns": None}, "No backup"),
        ({}, "Newest backup 3h old, none verified"),
        ({"verified_at_ns": NOW_NS - 3 * HOURS}, "Newest backup 3h old, verified"),
        ({"verified_at_ns": NOW_NS - 50 * HOURS}, "Newest backup 3h old, newest verified 2d"),
        ({"ready": True, "ready_at_ns": NOW_NS - 2 * HOURS}, "ready to be restored 2h ago"),
        ({"ready": False, "ready_at_ns": NOW_NS - 2 * HOURS}, "NOT ready to be restored 2h ago"),
        ({"alert": "acked"}, "alert acked"),
        ({"module_changed_at_ns": NOW_NS - 2 * HOURS}, "module changed 2h ago"),
    ],
)
def test_what_there_is_to_fall_back_on_is_said(changes: dict[str, Any], sentence: str) -> None:
    assert sentence in detail(view(**changes))


def long(of: CanisterView, facts: CanisterFacts | None) -> str:
    return "\n".join(plain(line) for line in detail_lines(of, NOW_NS, width=80, facts=facts, long=True))


def test_the_long_detail_has_settings_controllers_events_and_operations() -> None:
    settings = json.dumps(
        {
            "controllers": ["2vxsx-fae"],
            "freezing_threshold": 2_592_000,
            "log_visibility": {"kind": "allowed_viewers", "viewers": ["aaaaa-aa"]},
            "environment_variables": [],
            "wasm_memory_limit": None,
            "evil\x1b": "\x1b[2J\u202e",
        }
    )
    event = HistoryEvent(NOW_NS - HOURS, "status-changed", "running", "stopped", None)
    operation = OperationSummary(
        "2025", "restore", "local", ("rune-engine",), NOW_NS, "interrupted", None, None, (), (), Path()
    )
    facts = CanisterFacts(HEALTHY.canister_id, (event,) * (MOST_EVENTS + 2), (operation,))
    shown = long(view(settings=settings, group="core", controllers=("2vxsx-fae",)), facts)
    for said in (
        "freezing limit 213 B cycles",
        "freezing threshold 30 d",
        "log visibility allowed viewers aaaaa-aa",
        "environment variables none",
        "matters high, group core",
        "2vxsx-fae",
        "status changed running → stopped",
        "and 2 more",
        "restore interrupted",
        "quri-console operations resume 2025",
    ):
        assert said in shown
    assert not any(character in shown for character in "\x1b\u202e")


def test_the_long_detail_says_what_is_not_there_yet_or_cannot_be_read() -> None:
    assert "being read …" in long(HEALTHY, None)
    nothing = long(NEVER_SEEN, CanisterFacts(HEALTHY.canister_id))
    assert "nothing happened" in nothing
    assert "none on this machine" in nothing
    assert "not known" in nothing
    broken = long(view(settings="{"), CanisterFacts(HEALTHY.canister_id, problem="the disk is gone\x1b"))
    assert "could not be read: the disk is gone\\e" in broken
    assert "settings {" in broken


def test_a_young_history_is_drawn_sample_by_sample_and_a_long_one_as_a_day() -> None:
    young = replace(HEALTHY, cycles_series=tuple((NOW_NS - (3 - n) * SECOND, 10 - n) for n in range(3)))
    assert "cycles, 3 samples █▄▁" in detail(young)
    points = tuple((NOW_NS - (MANY_SAMPLES - n) * 600 * SECOND, 1000 - n) for n in range(MANY_SAMPLES))
    assert "cycles, 24 h " in detail(replace(HEALTHY, cycles_series=points))
    assert "no samples yet" in detail(NEVER_SEEN)


@pytest.mark.parametrize("width", [20, 80, 200])
def test_the_spark_line_fits(width: int) -> None:
    (line,) = (line for line in detail(HEALTHY, width).splitlines() if line.startswith("cycles,"))
    assert len(line) <= width


@pytest.mark.parametrize(
    ("samples", "step_seconds", "title", "cells"),
    [
        (1, 5, "cycles, 1 sample ", 1),
        (60, 5, "cycles, 60 samples ", 60),
        (200, 5, "cycles, 16 m ", 67),
        (200, 60, "cycles, 3 h 19 m ", 63),
        (200, 120, "cycles, 24 h ", 67),
    ],
)
def test_a_young_history_is_drawn_over_its_own_time(samples: int, step_seconds: int, title: str, cells: int) -> None:
    series = tuple((NOW_NS - n * step_seconds * SECOND, 10**12 + n * 10**9) for n in reversed(range(samples)))
    (line,) = [
        plain(line)
        for line in detail_lines(view(cycles_series=series), NOW_NS, width=80)
        if plain(line)[:7] == "cycles,"
    ]
    assert line.startswith(title)
    drawn = line.removeprefix(title)
    assert len(drawn) == cells
    # marks from its first cell to its last, unless a day is drawn
    assert (drawn[0] != " ") is ("24 h" not in title)
    assert drawn[-1] != " "
