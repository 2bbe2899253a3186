"""What a message says of alerts, whatever channel it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from quri_console.monitor.rules import HealthLevel

NotificationStatus = Literal["firing", "resolved", "test", "internal", "report"]


@dataclass(frozen=True, slots=True)
class AlertNote:
    """One alert in a message. Times in nanoseconds since 1970; text may hold anything and is not escaped."""

    fingerprint: str
    network: str
    subject: str
    """The id of a canister, `payer:NAME` or `watch`."""
    name: str
    rule: str
    level: HealthLevel
    status: Literal["firing", "resolved"]
    summary: str
    started_at_ns: int
    ended_at_ns: int | None = None
    value: str = ""
    threshold: str = ""
    action: str = ""
    """A command that the reader may want to run."""
    runbook_url: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """One message: `key` is the same whenever the same message is sent again."""

    key: str
    group_key: str
    status: NotificationStatus
    title: str
    created_at_ns: int
    alerts: tuple[AlertNote, ...] = ()
    left_out: int = 0
    """How many more alerts the message is about than it lists."""
    text: str = ""
    """What else there is to say."""
