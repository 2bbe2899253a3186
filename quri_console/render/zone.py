"""Moments in the zone that the screen shows: UTC, or that of this machine with its offset.

The zone is of the whole screen, so it is said once, when the console starts; commands never change it, and what goes
into a file is made under `utc_only`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

from quri_console.clock import utc_datetime

Zone = Literal["utc", "local"]
# as sentences that also leave by webhook, report or audit say them
_SAID_IN_UTC = re.compile(
    r"\b([12][0-9]{3}-[0-9]{2}-[0-9]{2})( at | |T)([0-9]{2}:[0-9]{2}(?::[0-9]{2})?) ?(?:UTC\b|Z\b)"
)
_TIME_IN_UTC = re.compile(r"(?<![0-9] )(?<![0-9T:])([0-9]{2}:[0-9]{2}(?::[0-9]{2})?) UTC\b")


class _Shown:
    zone: Zone = "utc"


_for_a_file: ContextVar[bool] = ContextVar("for_a_file", default=False)


def show_zone(zone: Zone) -> None:
    """Show moments in this zone from now on."""
    _Shown.zone = zone


@contextmanager
def utc_only() -> Iterator[None]:
    """Within it all moments are in UTC, whatever the screen shows: files are read elsewhere."""
    token = _for_a_file.set(True)
    try:
        yield
    finally:
        _for_a_file.reset(token)


def _is_utc() -> bool:
    return _Shown.zone == "utc" or _for_a_file.get()


def in_zone(moment: datetime) -> datetime:
    """An aware moment in the zone that is shown."""
    return moment.astimezone(UTC) if _is_utc() else moment.astimezone()


def moment_text(at_ns: int) -> str:
    """A moment to the second with its zone: `2025-01-24 02:00:07 UTC`, or `2025-01-24 03:00:07 +0100`."""
    return datetime_text(utc_datetime(at_ns))


def datetime_text(moment: datetime, *, seconds: bool = True) -> str:
    """An aware moment to the second, or to the minute, with its zone."""
    shown = in_zone(moment)
    form = "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
    return shown.strftime(f"{form} UTC" if _is_utc() else f"{form} %z")


def minute_text(at_ns: int) -> str:
    """A moment to the minute with its zone: `2025-01-24 02:00 UTC`."""
    return datetime_text(utc_datetime(at_ns), seconds=False)


def clock_text(at_ns: int) -> str:
    """The time of day alone: `02:00:07`."""
    return in_zone(utc_datetime(at_ns)).strftime("%H:%M:%S")


def zone_name(at_ns: int) -> str:
    """What the shown zone is called at a moment: `UTC`, `UTC+01:00`."""
    if _is_utc():
        return "UTC"
    offset = in_zone(utc_datetime(at_ns)).strftime("%z")
    return f"UTC{offset[:3]}:{offset[3:5]}"


def retold(sentence: str, now_ns: int | None = None) -> str:
    """A sentence that was made elsewhere, with the moments that it tells in UTC told in the zone that is shown.

    A time without a day is one of the last day before `now_ns`, and stays as it is without that.
    """
    if _is_utc():
        return sentence
    told = _SAID_IN_UTC.sub(_retold_moment, sentence)
    return told if now_ns is None else _TIME_IN_UTC.sub(lambda found: _retold_time(found, now_ns), told)


def _retold_moment(found: re.Match[str]) -> str:
    day, between, time = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=UTC)
        shown = moment.astimezone()
    except (ValueError, OverflowError):
        return found[0]
    form = "%H:%M:%S" if len(time) > len("02:00") else "%H:%M"
    return shown.strftime(f"%Y-%m-%d{between}{form} %z")


def _retold_time(found: re.Match[str], now_ns: int) -> str:
    time, now = found[1], utc_datetime(now_ns)
    try:
        moment = datetime.fromisoformat(f"{now:%Y-%m-%d}T{time}").replace(tzinfo=UTC)
    except ValueError:
        return found[0]
    return moment.astimezone().strftime("%H:%M:%S %z" if len(time) > len("02:00") else "%H:%M %z")
