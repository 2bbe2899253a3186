"""Moments and spans of a report's facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from quri_console.clock import NANOSECONDS_PER_SECOND, utc_datetime


def moment(at_ns: int) -> datetime:
    """A moment to the second, in UTC."""
    return utc_datetime(at_ns).replace(microsecond=0)


def nanoseconds(at: datetime) -> int:
    """Nanoseconds since 1970 of an aware time."""
    return round(at.timestamp()) * NANOSECONDS_PER_SECOND


def seconds_between(first_ns: int, second_ns: int) -> float:
    """Whole seconds from one moment to a later one."""
    return float((second_ns - first_ns) // NANOSECONDS_PER_SECOND)


def audit_time(text: object) -> datetime | None:
    """The time of an event of the audit log; None for what is none."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC).replace(microsecond=0)
    except ValueError:
        return None


def quantile(ascending: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` of them do not exceed; None without any."""
    if not ascending:
        return None
    return ascending[min(len(ascending) - 1, max(0, -(-len(ascending) * round(share * 100) // 100) - 1))]
