"""Messages in the shape of Alertmanager's webhook, version 4, so that receivers made for it work; signed on wish."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from quri_console.clock import utc_datetime
from quri_console.monitor.notification import AlertNote, Notification
from quri_console.monitor.notify.safe_text import safe, safe_lines
from quri_console.monitor.notify.wording import runbook, title

_NO_END = "0001-01-01T00:00:00Z"
"""What Alertmanager sends for an alert that has not ended."""


def generic_body(notification: Notification, receiver: str) -> dict[str, Any]:
    """The JSON body of a message to the channel `receiver`."""
    alerts = [_alert(note) for note in notification.alerts] or [_about_itself(notification)]
    return {
        "version": "4",
        "groupKey": safe(notification.group_key) or safe(notification.key),
        "truncatedAlerts": notification.left_out,
        # Alertmanager knows no other status
        "status": "resolved" if notification.status == "resolved" else "firing",
        "receiver": safe(receiver),
        "groupLabels": _common([alert["labels"] for alert in alerts], only=("network",)),
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": "",
        "alerts": alerts,
        "title": title(notification),
        "message": safe_lines(notification.text),
        "idempotencyKey": safe(notification.key),
    }


def signature(key: bytes, body: bytes, *, at_seconds: int) -> str:
    """The value of X-Signature: `t=SECONDS,v1=HEX`, the HMAC-SHA256 of `SECONDS.BODY`."""
    digest = hmac.new(key, b"%d." % at_seconds + body, hashlib.sha256).hexdigest()
    return f"t={at_seconds},v1={digest}"


def _alert(note: AlertNote) -> dict[str, Any]:
    labels = {
        "alertname": note.rule,
        "severity": note.level,
        "network": note.network,
        "subject": note.subject,
        "name": note.name,
    }
    annotations = {
        "summary": note.summary,
        "value": note.value,
        "threshold": note.threshold,
        "action": note.action,
        "runbook_url": runbook(note.runbook_url),
    }
    return {
        "status": note.status,
        "labels": {name: safe(value) for name, value in labels.items() if value},
        "annotations": {name: safe_lines(value) for name, value in annotations.items() if value},
        "startsAt": _time(note.started_at_ns),
        "endsAt": _NO_END if note.ended_at_ns is None else _time(note.ended_at_ns),
        "generatorURL": "",
        "fingerprint": safe(note.fingerprint),
    }


def _about_itself(notification: Notification) -> dict[str, Any]:
    """A test, a report or an internal message as an alert: receivers look at nothing else."""
    severity = "critical" if notification.status == "internal" else "none"
    return {
        "status": "resolved" if notification.status == "resolved" else "firing",
        "labels": {"alertname": f"quri-console-{notification.status}", "severity": severity},
        "annotations": {"summary": title(notification), "description": safe_lines(notification.text)},
        "startsAt": _time(notification.created_at_ns),
        "endsAt": _NO_END,
        "generatorURL": "",
        "fingerprint": hashlib.sha256(notification.key.encode("utf-8", "backslashreplace")).hexdigest()[:16],
    }


def _common(tables: Sequence[dict[str, str]], only: Sequence[str] | None = None) -> dict[str, str]:
    first, *others = tables
    return {
        name: value
        for name, value in first.items()
        if (only is None or name in only) and all(other.get(name) == value for other in others)
    }


def _time(at_ns: int) -> str:
    return utc_datetime(at_ns).isoformat().replace("+00:00", "Z")
