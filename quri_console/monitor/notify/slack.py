"""Messages for Slack's incoming webhooks: `text` as the fallback, blocks within Slack's limits."""

from __future__ import annotations

from typing import Any

from quri_console.monitor.notification import Notification
from quri_console.monitor.notify.safe_text import fit, safe, safe_lines, units_of
from quri_console.monitor.notify.wording import MAX_ALERTS, AlertText, alert_text, and_more, origin, plain_text, title

# Limits of Slack: header 150, text of a section 3,000, 50 blocks, block_id 255. All blocks together are refused
# from about 13,000 characters on, which no page of Slack tells.
_HEADER, _SECTION, _TEXT, _BLOCK_ID = 150, 3_000, 3_000, 255
_ALL_SECTIONS = 11_000
_SPECIAL = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def slack_body(notification: Notification) -> dict[str, Any]:
    """The JSON body of a message."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": fit(title(notification), _HEADER), "emoji": False}}
    ]
    room = _ALL_SECTIONS
    if notification.text:
        text = fit(safe_lines(notification.text), _SECTION, _escaped)
        blocks.append(_section(text))
        room -= units_of(text)
    told = 0
    for note in notification.alerts[:MAX_ALERTS]:
        text = _alert(alert_text(note))
        if units_of(text) > room:
            break
        blocks.append(_section(text))
        room -= units_of(text)
        told += 1
    last = " · ".join(filter(None, (and_more(notification, told), origin(notification))))
    blocks.append(
        {
            "type": "context",
            # the only place where a webhook's message can carry its key
            "block_id": safe(notification.key)[:_BLOCK_ID],
            "elements": [{"type": "mrkdwn", "text": _escape(last), "verbatim": True}],
        }
    )
    return {"text": fit(plain_text(notification), _TEXT, _escaped), "blocks": blocks}


def _alert(text: AlertText) -> str:
    lines = [f"*{fit(text.heading, 300, _escaped)}*"]
    if text.summary:
        lines.append(fit(text.summary, 1_000, _escaped))
    lines.append(fit(text.facts, 500, _escaped))
    if text.action:
        lines.append(f"Run: `{fit(text.action, 600, _in_code)}`")
    if text.runbook and len(text.runbook) <= 400:
        # | and > would end the address
        address = _escape(text.runbook.replace("|", "%7C").replace("<", "%3C").replace(">", "%3E"))
        lines.append(f"<{address}|Runbook>")
    return "\n".join(lines)


def _section(text: str) -> dict[str, Any]:
    # verbatim: Slack makes no links of names that look like addresses
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _escaped(character: str) -> str:
    return _SPECIAL.get(character, character)


def _in_code(character: str) -> str:
    return "'" if character == "`" else _escaped(character)


def _escape(text: str) -> str:
    return "".join(map(_escaped, text))
