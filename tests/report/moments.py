"""The end of the period of every fixed report, moments before it, and a text that nobody should trust."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
UNTIL = datetime(2025, 1, 26, 9, tzinfo=UTC)
UNTIL_NS = round(UNTIL.timestamp()) * SECOND
SINCE_NS = UNTIL_NS - 48 * HOUR
EVIL = "a|b\x1b[31m\u202e<script>alert(1)</script> [x](https://evil.example) =1+1"


def ago(hours: float) -> int:
    """So many hours before the end, in nanoseconds since 1970."""
    return UNTIL_NS - round(hours * HOUR)


def at(hours: float) -> datetime:
    """The same as an aware time."""
    return UNTIL - timedelta(hours=hours)
