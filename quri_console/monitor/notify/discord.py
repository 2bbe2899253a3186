"""Messages for Discord's webhooks: one embed for each alert, within all of Discord's limits, pinging nobody."""

from __future__ import annotations

from typing import Any

from quri_console.clock import utc_datetime
from quri_console.monitor.notification import AlertNote, Notification
from quri_console.monitor.notify.safe_text import fit, safe, safe_lines, units_of
from quri_console.monitor.notify.wording import alert_text, and_more, origin, title

# Limits of Discord: content 2,000, 10 embeds, title 256, description 4,096, footer 2,048, 6,000 over all embeds
_CONTENT, _EMBEDS, _TITLE, _DESCRIPTION, _ALL = 2_000, 10, 256, 4_096, 6_000
_FOOTER = 400
_COLOURS = {"critical": 0xD93F3F, "warning": 0xE0A030, "unknown": 0x808080, "ok": 0x3FA34D}
_MARKUP = frozenset("\\*_~`|<>[]()#")


def discord_body(notification: Notification) -> dict[str, Any]:
    """The JSON body of a message."""
    embeds: list[dict[str, Any]] = []
    room = _ALL - _FOOTER
    if notification.text:
        description = fit(safe_lines(notification.text), _DESCRIPTION, _escaped)
        embeds.append({"description": description, "color": _COLOURS["unknown"]})
        room -= units_of(description)
    told = 0
    for note in notification.alerts[: _EMBEDS - len(embeds)]:
        embed = _embed(note)
        room -= units_of(embed["title"]) + units_of(embed["description"])
        if room < 0:
            break
        embeds.append(embed)
        told += 1
    if not embeds:
        embeds.append({"description": fit(title(notification), _TITLE, _escaped), "color": _COLOURS["unknown"]})
    last = (and_more(notification, told), origin(notification), f"key {safe(notification.key)}")
    embeds[-1]["footer"] = {"text": fit(" · ".join(filter(None, last)), _FOOTER)}
    return {
        "content": fit(title(notification), _CONTENT, _escaped),
        "embeds": embeds,
        # whatever a name says, nobody is mentioned
        "allowed_mentions": {"parse": []},
    }


def _embed(note: AlertNote) -> dict[str, Any]:
    text = alert_text(note)
    lines = [fit(text.summary, 1_200, _escaped)] if text.summary else []
    lines.append(fit(text.facts, 600, _escaped))
    if text.action:
        lines.append(f"Run: `{fit(text.action, 700, _in_code)}`")
    if text.runbook and len(text.runbook) <= 600:
        lines.append(f"Runbook: <{text.runbook.replace('<', '%3C').replace('>', '%3E')}>")
    return {
        "title": fit(text.heading, _TITLE, _escaped),
        "description": "\n".join(lines),
        "color": _COLOURS["ok" if note.status == "resolved" else note.level],
        "timestamp": utc_datetime(note.started_at_ns).isoformat(),
    }


def _escaped(character: str) -> str:
    return f"\\{character}" if character in _MARKUP else character


def _in_code(character: str) -> str:
    return "'" if character == "`" else character
