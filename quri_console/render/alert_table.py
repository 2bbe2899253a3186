"""Alerts as a table, and the chosen one in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from quri_console.render.ages import age_seconds, short_age
from quri_console.render.alerts import event_line, mute_line, summary_of, worst_first
from quri_console.render.escape import escape
from quri_console.render.grid import Cell, Column, Row
from quri_console.render.spans import Line, Span
from quri_console.render.zone import moment_text, retold
from quri_console.units import format_duration

if TYPE_CHECKING:
    from quri_console.history.alerts import AlertEvent, AlertRow, Mute

COLUMNS = (
    Column("state", "State"),
    Column("what", "What"),
    Column("rule", "Rule"),
    Column("since", "Since", right=True),
    Column("muted", "Muted", priority=1),
    Column("summary", "Summary", priority=2),
)


def alert_key(row: AlertRow) -> str:
    """What a row of the table is known by."""
    return f"{row.subject}|{row.rule}"


def alert_table(
    alerts: Iterable[AlertRow], mutes: Iterable[Mute], names: Mapping[str, str], now_ns: int
) -> tuple[Row, ...]:
    """A row for every alert, worst first. The state says its level in words, too."""
    mutes = tuple(mutes)
    return tuple(_row(alert, mutes, names, now_ns) for alert in worst_first(alerts))


def _row(alert: AlertRow, mutes: tuple[Mute, ...], names: Mapping[str, str], now_ns: int) -> Row:
    live = alert.state in ("firing", "resolving")
    role = f"status-{alert.level}" if live else "muted"
    muted = mutes_of(alert, mutes)
    return Row(
        alert_key(alert),
        (
            Cell(f"{alert.level} {alert.state}", role, alert.state),
            Cell(escape(names.get(alert.subject, alert.subject))),
            Cell(escape(alert.rule)),
            Cell(short_age(alert.since_ns, now_ns), "muted", float(alert.since_ns)),
            Cell(", ".join("acked" if mute.kind == "ack" else "silenced" for mute in muted), "stale"),
            Cell(escape(retold(summary_of(alert), now_ns))),
        ),
    )


def mutes_of(alert: AlertRow, mutes: Iterable[Mute]) -> tuple[Mute, ...]:
    """The silences and acknowledgements that hold for an alert."""
    return tuple(mute for mute in mutes if mute.subject in ("*", alert.subject) and mute.rule in ("*", alert.rule))


def critical_words(alerts: Iterable[AlertRow], mutes: Iterable[Mute], names: Mapping[str, str]) -> frozenset[str]:
    """`NAME RULE` of every alert that fires critically and that nobody silenced or acknowledged."""
    mutes = tuple(mutes)
    return frozenset(
        f"{names.get(alert.subject, alert.subject)} {alert.rule}"
        for alert in alerts
        if alert.state == "firing" and alert.level == "critical" and not mutes_of(alert, mutes)
    )


def unmuted_words(rest: Sequence[Mute]) -> str:
    """What is so after something that muted an alert was ended: `rest` is what mutes it still."""
    if not rest:
        return "It is sent again."
    still = "acknowledged" if rest[-1].kind == "ack" else "silenced"
    return f"It is still {still}, and not sent; u again ends that, too."


def alert_lines(
    alert: AlertRow | None,
    mutes: Iterable[Mute],
    events: Iterable[AlertEvent],
    names: Mapping[str, str],
    now_ns: int,
    *,
    page: str = "",
) -> tuple[Line, ...]:
    """The chosen alert: what it says, since when, who cares for it, and what happened to it before.

    `page` of the runbook says what to do about it.
    """
    if alert is None:
        return ((Span("No alert fires.", "status-ok"),),)
    name = escape(names.get(alert.subject, alert.subject))
    age = format_duration(age_seconds(alert.since_ns, now_ns))
    state = Span(f"  {alert.level} {alert.state}", f"status-{alert.level}")
    lines: list[Line] = [
        (Span(f"{name}: {escape(alert.rule)}", "title"), state),
        (Span(escape(retold(summary_of(alert), now_ns))),),
        (Span(f"since {moment_text(alert.since_ns)}, {age} ago", "muted"),),
    ]
    lines += [(Span(f"K opens the runbook: page {page}"),)] if page else []
    lines += [(Span(mute_line(mute, names), "stale"),) for mute in mutes_of(alert, mutes)]
    own = [event for event in events if (event.subject, event.rule) == (alert.subject, alert.rule)]
    lines += [(Span(event_line(event, names), "muted"),) for event in own[-5:]]
    return tuple(lines)


def event_lines(events: Iterable[AlertEvent], names: Mapping[str, str]) -> tuple[Line, ...]:
    """What happened to all alerts, newest first."""
    lines: list[Line] = [(Span(event_line(event, names)),) for event in reversed(tuple(events))]
    return ((Span("What happened in the last week, newest first; o shows the chosen alert again", "title"),), *lines)
