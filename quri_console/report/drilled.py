"""Drills of the period, as rows: what was exercised, how fast, and what went wrong on the way."""

from __future__ import annotations

from quri_console.history.drills import DrillRecord
from quri_console.report.facts import Facts
from quri_console.report.model import DrillRow
from quri_console.report.times import nanoseconds


def drill_rows(facts: Facts) -> tuple[DrillRow, ...]:
    """The drills of the period, oldest first."""
    return tuple(
        _row(record) for record in facts.drills if facts.since_ns <= nanoseconds(record.started_at) <= facts.until_ns
    )


def _row(record: DrillRecord) -> DrillRow:
    return DrillRow(
        at=record.started_at.replace(microsecond=0),
        drill=record.scenario,
        by=record.by,
        mode=record.mode,
        recovered=record.recovered,
        in_time=record.in_time,
        limit_seconds=record.limit_seconds,
        limit_of=record.limit_of,
        detected_by=record.detected_by,
        seconds_to_detect=record.seconds_to_detect,
        seconds_to_acknowledge=record.seconds_to_acknowledge,
        seconds_to_recover=record.seconds_to_recover,
        unmet=record.unmet,
        wrong_turns=record.wrong_turns,
        written=record.written,
        lost=record.lost,
        tool=record.tool,
    )
