"""Notifications for tests, and channels that take them."""

from __future__ import annotations

from quri_console.config.alerting import ChannelConfig, ChannelKind, SecretSource
from quri_console.monitor.notification import AlertNote, Notification, NotificationStatus

SECOND = 1_000_000_000
NOW = 1_750_000_000 * SECOND
EVIL = "a\x1b[31m\u202egnp\u200b<!channel> & `rm` [x](https://evil.example) @everyone\n*b*"


def note(number: int = 1, **values: object) -> AlertNote:
    """One alert."""
    fields: dict[str, object] = {
        "fingerprint": f"f{number:04}",
        "network": "ic",
        "subject": "pkrpq-5qaaa-aaaah-aroda-cai",
        "name": f"rune-engine-{number}",
        "rule": "runway-short",
        "level": "critical",
        "status": "firing",
        "summary": "≈ 6 d to the freezing limit, expected 2025-06-21 (19th to 24th)",
        "started_at_ns": NOW - 3_600 * SECOND,
        "value": "6 d",
        "threshold": "7 d",
        "action": "quri-console top-up rune-engine 5T",
        "runbook_url": "https://wiki.example/runbook#runway",
    }
    return AlertNote(**{**fields, **values})  # type: ignore[arg-type]


def notification(
    key: str = "k1",
    alerts: int | tuple[AlertNote, ...] = 1,
    status: NotificationStatus = "firing",
    group: str = "ic",
    **values: object,
) -> Notification:
    """A message about some alerts."""
    fields: dict[str, object] = {
        "key": key,
        "group_key": group,
        "status": status,
        "title": "1 critical alert on ic",
        "created_at_ns": NOW,
        "alerts": tuple(note(number) for number in range(alerts)) if isinstance(alerts, int) else alerts,
    }
    return Notification(**{**fields, **values})  # type: ignore[arg-type]


def channel_config(name: str = "ops", kind: ChannelKind = "slack", **values: object) -> ChannelConfig:
    """A channel whose address stands in the variable named after it."""
    return ChannelConfig(name, kind, SecretSource(env=f"URL_{name}"), **values)  # type: ignore[arg-type]
