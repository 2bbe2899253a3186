"""The words of a message: short, for somebody who was just woken; the same in every channel."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from quri_console.clock import utc_datetime
from quri_console.monitor.notification import AlertNote, Notification
from quri_console.monitor.notify.safe_text import fit, safe, safe_lines

MAX_ALERTS = 20
"""How many alerts one message spells out; of the others it tells the number."""


@dataclass(frozen=True, slots=True)
class AlertText:
    """The lines about one alert; harmless, but not marked up for any channel. Empty texts are left out."""

    heading: str
    summary: str
    facts: str
    action: str
    runbook: str


def utc(at_ns: int) -> str:
    """A time to the minute: `2025-06-15 15:06 UTC`."""
    return utc_datetime(at_ns).strftime("%Y-%m-%d %H:%M UTC")


def title(notification: Notification) -> str:
    """The first line of the message."""
    return safe(notification.title) or notification.status


def heading(note: AlertNote) -> str:
    """What is wrong where: `CRITICAL rune-engine: frozen`."""
    word = "RESOLVED" if note.status == "resolved" else note.level.upper()
    return f"{word} {safe(note.name) or safe(note.subject)}: {safe(note.rule)}"


def alert_text(note: AlertNote) -> AlertText:
    """The words about one alert."""
    times = f"since {utc(note.started_at_ns)}"
    if note.ended_at_ns is not None:
        times = f"from {utc(note.started_at_ns)} to {utc(note.ended_at_ns)}"
    facts = [times]
    if note.value:
        facts.append(f"value {safe(note.value)}")
    if note.threshold:
        facts.append(f"threshold {safe(note.threshold)}")
    facts.append(f"{safe(note.subject)} on {safe(note.network)}")
    return AlertText(
        heading(note), safe_lines(note.summary), " · ".join(facts), safe(note.action), runbook(note.runbook_url)
    )


def runbook(url: str) -> str:
    """The address if it is one that a reader can open, else nothing."""
    try:
        known = urlsplit(url).scheme in ("http", "https")
    except ValueError:
        return ""
    return url if known and url.isascii() and url.isprintable() and " " not in url else ""


def and_more(notification: Notification, told: int) -> str:
    """What is said of the alerts that are not spelt out; empty when all are."""
    more = len(notification.alerts) - told + notification.left_out
    return f"and {more} more" if more > 0 else ""


def origin(notification: Notification) -> str:
    """Who sends this, and when the message was made: it may arrive late."""
    return f"quri-console · {utc(notification.created_at_ns)}"


def plain_text(notification: Notification, limit: int = 4_000) -> str:
    """The whole message as text of at most `limit` characters."""
    return fit(f"{title(notification)}\n{body_text(notification, limit)}", limit)


def body_text(notification: Notification, limit: int = 4_000) -> str:
    """As `plain_text`, without the title."""
    lines = [safe_lines(notification.text)] if notification.text else []
    told = notification.alerts[:MAX_ALERTS]
    for note in told:
        text = alert_text(note)
        lines += ["", text.heading, *filter(None, (text.summary, text.facts))]
        if text.action:
            lines.append(f"Run: {text.action}")
        if text.runbook:
            lines.append(f"Runbook: {text.runbook}")
    lines += ["", *filter(None, (and_more(notification, len(told)), origin(notification)))]
    return fit("\n".join(lines), limit)


def test_notification(channel: str, *, now_ns: int) -> Notification:
    """What tells that a channel works."""
    return Notification(
        key=f"test:{channel}:{now_ns}",
        group_key="",
        status="test",
        title=f"Test of the channel {channel}",
        created_at_ns=now_ns,
        text="If you can read this, alerts of quri-console arrive here. Nothing is wrong.",
    )


test_notification.__test__ = False  # type: ignore[attr-defined]  # pytest would take the name for a test's
