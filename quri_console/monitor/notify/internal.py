"""What other channels are told when one does not work. The same trouble of one channel is told once an hour at most."""

from __future__ import annotations

from collections.abc import Sequence

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.monitor.notification import Notification
from quri_console.units import DAY_SECONDS, HOUR_SECONDS

_HOUR_NS = HOUR_SECONDS * NANOSECONDS_PER_SECOND
_DAY_NS = DAY_SECONDS * NANOSECONDS_PER_SECOND
_TITLES = 5


def given_up(channel: str, titles: Sequence[str], why: str, *, now_ns: int) -> Notification:
    """Messages will never reach a channel."""
    number = "a message" if len(titles) == 1 else f"{len(titles)} messages"
    lines = [f"Why: {why}", *(f"Not delivered: {title}" for title in titles[:_TITLES])]
    if len(titles) > _TITLES:
        lines.append(f"and {len(titles) - _TITLES} more")
    lines.append(f"Check the channel: quri-console alerts test {channel}")
    return _internal(f"dead:{channel}:{now_ns // _HOUR_NS}", f"Channel {channel} lost {number}", lines, now_ns)


def not_usable(channel: str, why: str, *, now_ns: int) -> Notification:
    """A channel's settings must be mended; its messages wait. Told once a day."""
    lines = [f"Why: {why}", "Its messages wait for up to a day.", f"Check it: quri-console alerts test {channel}"]
    return _internal(f"unusable:{channel}:{now_ns // _DAY_NS}", f"Channel {channel} cannot be used", lines, now_ns)


def _internal(key: str, title: str, lines: Sequence[str], now_ns: int) -> Notification:
    return Notification(f"internal:{key}", "", "internal", title, now_ns, text="\n".join(lines))
