"""Drills as lines, tables and JSON: which there are, what one came to, and all that were played."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quri_console.history.drills import DrillRecord, LimitOrigin, drill_json
from quri_console.render.ages import utc_text
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span, wrap_lines
from quri_console.units import format_duration

LIST_HEADINGS = ("DRILL", "WHAT HAPPENS", "LIMIT", "PLAYED")
SCORE_HEADINGS = ("PLAYED", "DRILL", "HOW", "NOTICED", "RECOVERED", "LIMIT", "WRONG", "LOST")
RIGHT = (3, 4, 5, 6, 7)
"""The columns of the score that are numbers."""
STARRED = "* what the old runbook promised"
_WIDTH = 78


@dataclass(frozen=True, slots=True)
class Listed:
    """A drill that can be played."""

    name: str
    title: str
    page: str
    limit_seconds: float
    limit_of: LimitOrigin


def list_rows(drills: Sequence[Listed], played: Sequence[DrillRecord]) -> list[tuple[str, ...]]:
    """A row for each drill, with the day on which it was played last."""
    newest = {record.scenario: record for record in played}
    return [
        (
            item.name,
            item.title,
            limit_text(item.limit_seconds, item.limit_of),
            "never" if item.name not in newest else f"{newest[item.name].started_at:%Y-%m-%d}",
        )
        for item in drills
    ]


def list_json(drills: Sequence[Listed], played: Sequence[DrillRecord]) -> list[dict[str, Any]]:
    """Every drill, with how often and how well it was played."""
    return [_listed_json(item, [record for record in played if record.scenario == item.name]) for item in drills]


def _listed_json(item: Listed, played: Sequence[DrillRecord]) -> dict[str, Any]:
    times = [record.seconds_to_recover for record in played if record.recovered]
    return {
        "name": item.name,
        "title": item.title,
        "page": item.page,
        "limit_seconds": item.limit_seconds,
        "limit_of": item.limit_of,
        "played": len(played),
        "recovered": sum(record.recovered for record in played),
        "best_seconds": min((seconds for seconds in times if seconds is not None), default=None),
        "last_at": drill_json(played[-1])["started_at"] if played else None,
    }


def limit_text(seconds: float, origin: LimitOrigin) -> str:
    """Within which time it is to be over; the old runbook's figures have a star, which `STARRED` explains."""
    return f"{format_duration(seconds)} *" if origin == "seed" else format_duration(seconds)


def seconds_text(seconds: float | None) -> str:
    """A measured time."""
    return "–" if seconds is None else f"{seconds:.1f} s" if seconds < 60 else format_duration(seconds)


def score_rows(records: Sequence[DrillRecord]) -> list[tuple[str | tuple[str, str], ...]]:
    """A row for each drill that was played."""
    return [
        (
            f"{record.started_at:%Y-%m-%d}",
            escape(record.scenario),
            record.mode,
            seconds_text(record.seconds_to_detect),
            _verdict_cell(record),
            format_duration(record.limit_seconds),
            str(len(record.wrong_turns)),
            "–" if record.lost is None else f"{record.lost}/{record.written}",
        )
        for record in records
    ]


def _verdict_cell(record: DrillRecord) -> tuple[str, str]:
    if not record.recovered:
        return "not", "status-critical"
    return seconds_text(record.seconds_to_recover), "status-ok" if record.in_time else "status-warning"


def never_played_lines(drills: Sequence[Listed], played: Sequence[DrillRecord]) -> tuple[Line, ...]:
    """Which drills were never played; nothing when all were."""
    names = [item.name for item in drills if item.name not in {record.scenario for record in played}]
    if not names:
        return ()
    wrapped = textwrap.wrap(f"Never played: {', '.join(names)}.", _WIDTH, break_on_hyphens=False)
    return tuple((Span(line, "muted"),) for line in wrapped)


def verdict_lines(record: DrillRecord) -> tuple[Line, ...]:
    """What one drill came to, broken to the width of a terminal."""
    return wrap_lines(_verdict(record), _WIDTH)


def again_lines(record: DrillRecord, page: str) -> tuple[Line, ...]:
    """What whoever left a drill unsolved does next; nothing after one that was solved."""
    name = escape(record.scenario)
    step = f"Next: read `quri-console docs {page}`, then play it again: `quri-console drill start {name}`."
    return () if record.recovered else wrap_lines([(Span(step),)], _WIDTH)


def _verdict(record: DrillRecord) -> tuple[Line, ...]:
    return (
        _headline(record),
        *((Span(f"  still wrong   {escape(text)}", "status-critical"),) for text in record.unmet),
        *((Span(f"  {label:<12}  {text}"),) for label, text in _facts(record)),
        *((Span(f"  wrong turn    {escape(text)}", "status-warning"),) for text in record.wrong_turns),
        *(() if record.wrong_turns else ((Span("  wrong turns   none"),),)),
    )


def _headline(record: DrillRecord) -> Line:
    promised = " (the old runbook's)" if record.limit_of == "seed" else ""
    limit = f"{format_duration(record.limit_seconds)}{promised}"
    name = escape(record.scenario)
    if not record.recovered:
        return (Span(f"Drill {name}: not recovered: {escape(record.unmet[0])}", "status-critical"),)
    took = f"Drill {name}: recovered after {seconds_text(record.seconds_to_recover)}, limit {limit}"
    if record.in_time:
        return (Span(took, "status-ok"),)
    return (Span(f"{took}: too late", "status-warning"),)


def _facts(record: DrillRecord) -> tuple[tuple[str, str], ...]:
    what = f"of the {record.written} entries written since the backup"
    lost = "not known: the canister could not be asked" if record.lost is None else f"{record.lost or 'nothing'} {what}"
    noticed = f"after {seconds_text(record.seconds_to_detect)}, by {escape(record.detected_by)}"
    noticed = "not" if record.seconds_to_detect is None else noticed
    acknowledged = record.seconds_to_acknowledge
    return (
        ("played", f"{utc_text(round(record.started_at.timestamp() * 1e9))} by {escape(record.by)}, {record.mode}"),
        ("noticed", noticed),
        ("acknowledged", "not" if acknowledged is None else f"after {seconds_text(acknowledged)}"),
        ("data lost", lost),
    )


def briefing_lines(title: str, task: str, page: str, config: str) -> tuple[Line, ...]:
    """What the trainee is told before it begins."""
    wrapped = textwrap.wrap(task, _WIDTH, break_on_hyphens=False, break_long_words=False)
    return (
        (Span(f"DRILL: {title}", "heading"),),
        *((Span(escape(line)),) for line in wrapped),
        (Span(f"Runbook: quri-console docs {page}"),),
        (Span("In another terminal this works on the drill, too:", "muted"),),
        (Span(f"  export QURI_CONFIG={escape(config)}", "muted"),),
    )
