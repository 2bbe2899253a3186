"""Alerts as rows and JSON values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from quri_console.clock import NANOSECONDS_PER_SECOND, utc_datetime
from quri_console.history.alerts import AlertEvent, AlertRow, Mute
from quri_console.render.escape import escape
from quri_console.render.zone import minute_text, moment_text, retold
from quri_console.units import format_duration

HEADINGS = ("state", "level", "what", "rule", "since", "summary")
_ORDER = {"firing": 0, "resolving": 1, "pending": 2, "resolved": 3}
_LEVELS = {"critical": 0, "warning": 1, "unknown": 2}


def worst_first(alerts: Iterable[AlertRow]) -> list[AlertRow]:
    """Firing before pending before resolved, critical before warning."""
    return sorted(alerts, key=lambda row: (_ORDER.get(row.state, 9), _LEVELS.get(row.level, 9), row.since_ns))


def alert_rows(
    alerts: Iterable[AlertRow], names: Mapping[str, str], now_ns: int
) -> Iterator[tuple[tuple[str, str], ...]]:
    """(text, role) of every cell under HEADINGS."""
    for row in worst_first(alerts):
        role = f"status-{row.level}" if row.state in ("firing", "resolving") else "muted"
        age = format_duration(max(now_ns - row.since_ns, 0) / NANOSECONDS_PER_SECOND)
        yield (
            (row.state, role),
            (row.level, role),
            (escape(names.get(row.subject, row.subject)), "plain"),
            (escape(row.rule), "plain"),
            (age, "muted"),
            (escape(retold(summary_of(row))), "plain"),
        )


def summary_of(row: AlertRow) -> str:
    """What the alert says, from its document; empty when that cannot be read."""
    try:
        text = json.loads(row.document).get("text", "")
    except (ValueError, AttributeError):
        return ""
    return text if isinstance(text, str) else ""


def event_line(event: AlertEvent, names: Mapping[str, str]) -> str:
    """One line of the past."""
    name = escape(names.get(event.subject, event.subject))
    time = moment_text(event.at_ns)
    return f"{time} {name} {escape(event.rule)} {event.state}: {escape(retold(event.text))}"


def mute_line(mute: Mute, names: Mapping[str, str]) -> str:
    """Who silenced or acknowledged what, until when, and why."""
    kind = "acknowledged" if mute.kind == "ack" else "silenced"
    until = "until taken back" if mute.until_ns is None else f"until {minute_text(mute.until_ns)}"
    rule = "" if mute.rule == "*" else f" {escape(mute.rule)}"
    note = f": {escape(mute.note)}" if mute.note else ""
    what = "everything" if mute.subject == "*" else escape(names.get(mute.subject, mute.subject))
    return f"{mute.id}  {what}{rule} {kind} by {escape(mute.by_whom)} {until}{note}"


def alerts_document(
    current: Iterable[AlertRow], events: Iterable[AlertEvent], mutes: Iterable[Mute], names: Mapping[str, str]
) -> dict[str, Any]:
    """Everything for programs; times as ISO 8601."""
    return {
        "alerts": [
            {
                "subject": row.subject,
                "name": names.get(row.subject, row.subject),
                "rule": row.rule,
                "state": row.state,
                "level": row.level,
                "since": utc_datetime(row.since_ns).isoformat(),
                "summary": summary_of(row),
            }
            for row in worst_first(current)
        ],
        "events": [
            {
                "at": utc_datetime(event.at_ns).isoformat(),
                "subject": event.subject,
                "rule": event.rule,
                "state": event.state,
                "level": event.level,
                "text": event.text,
            }
            for event in events
        ],
        "silences": [
            {
                "id": mute.id,
                "kind": mute.kind,
                "subject": mute.subject,
                "rule": mute.rule,
                "by": mute.by_whom,
                "note": mute.note,
                "from": utc_datetime(mute.from_ns).isoformat(),
                "until": None if mute.until_ns is None else utc_datetime(mute.until_ns).isoformat(),
            }
            for mute in mutes
        ],
    }
