"""Which channels hear of a notification."""

from __future__ import annotations

from collections.abc import Iterable

from quri_console.config.alerting import ChannelConfig
from quri_console.monitor.notification import Notification

_RANK = {"ok": 0, "unknown": 1, "warning": 1, "critical": 2}


def wants(channel: ChannelConfig, notification: Notification) -> bool:
    """Whether a message goes to a channel: by its worst alert, and whether the channel hears of ends."""
    if notification.status in ("test", "internal", "report"):
        return True
    if notification.status == "resolved" and not channel.send_resolved:
        return False
    worst = max((_RANK[note.level] for note in notification.alerts), default=_RANK["critical"])
    return worst >= _RANK[channel.lowest]


def recipients(channels: Iterable[ChannelConfig], notification: Notification) -> tuple[str, ...]:
    """The names of the channels that a message goes to."""
    return tuple(channel.name for channel in channels if wants(channel, notification))
