"""Cron lines of a machine's own time, said in UTC: what `cron` ran by the wall clock, our schedules run by UTC."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MINUTES_OF_DAY = 24 * 60
MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))}


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone by its name; `winter` and `summer` are its offsets in minutes, which are the same in some."""

    name: str
    winter: int
    summer: int

    @property
    def is_utc(self) -> bool:
        """Whether nothing needs to be changed."""
        return self.winter == self.summer == 0


@dataclass(frozen=True, slots=True)
class Shifted:
    """A line in UTC; `why_not` says why it was left as it was."""

    line: str
    why_not: str = ""


def zone_named(name: str) -> Zone | None:
    """The zone of that name, as CRON_TZ and TZ have it; None when there is none."""
    try:
        zone: tzinfo = UTC if name in ("UTC", "Etc/UTC", "Z") else ZoneInfo(name.removeprefix(":"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    year = datetime.now(UTC).year
    offsets = sorted(_minutes(zone, year, month) for month in (1, 7))
    return Zone(name, offsets[0], offsets[1])


def machine_zone() -> Zone:
    """The zone of this machine, by TZ or /etc/localtime."""
    named = os.environ.get("TZ")
    place = Path("/etc/localtime")
    if not named and place.is_symlink():
        named = str(place.resolve()).partition("zoneinfo/")[2]
    found = zone_named(named) if named else None
    if found is not None:
        return found
    # no name is known, but the offset of today is
    offset = datetime.now().astimezone().utcoffset() or timedelta()
    minutes = round(offset.total_seconds() / 60)
    return Zone(str(timezone(offset)), minutes, minutes)


def _minutes(zone: tzinfo, year: int, month: int) -> int:
    offset = datetime(year, month, 15, tzinfo=zone).utcoffset() or timedelta()
    return round(offset.total_seconds() / 60)


def in_utc(line: str, zone: Zone) -> Shifted:
    """A line of five fields of the zone's winter time in UTC."""
    if zone.winter == 0:
        return Shifted(line)
    minute, hour, day, month, weekday = line.split()
    minutes, hours = _numbers(minute, 59), _numbers(hour, 23)
    if minutes is None or hours is None:
        return Shifted(line, "its hours or minutes are written in a way that is not converted")
    if hour == "*" and zone.winter % 60 == 0 and day == weekday == "*":
        return Shifted(line)
    moments = [60 * at + past - zone.winter for at in hours for past in minutes]
    inside = sorted({moment % MINUTES_OF_DAY for moment in moments})
    past, full = sorted({moment % 60 for moment in inside}), sorted({moment // 60 for moment in inside})
    if len(past) * len(full) != len(inside):
        return Shifted(line, "in UTC it would need more than one line")
    days = {moment // MINUTES_OF_DAY for moment in moments}
    weekday = weekday if days == {0} or (day, weekday) == ("*", "*") else _other_days(day, weekday, days)
    if not weekday:
        return Shifted(line, "in UTC its days would be other ones, which one line cannot say")
    at_hours = "*" if len(full) == 24 else ",".join(map(str, full))
    return Shifted(f"{','.join(map(str, past))} {at_hours} {day} {month} {weekday}")


def _other_days(day: str, weekday: str, by: set[int]) -> str:
    """The weekdays of a line whose times fall on the day before or after; empty where one line cannot say it."""
    return "" if len(by) > 1 or day != "*" else _weekdays(weekday, min(by)) or ""


def _weekdays(field: str, by: int) -> str | None:
    for name, number in _DAYS.items():
        field = field.upper().replace(name, str(number))
    numbers = _numbers(field, 7)
    return None if numbers is None else ",".join(str(day) for day in sorted({(day + by) % 7 for day in numbers}))


def _numbers(field: str, most: int) -> list[int] | None:
    """The numbers that a field means; None for a form that is not known."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = (f"0-{most}" if span == "*" else span).partition("-")
        if not all(item.isascii() and item.isdigit() for item in filter(None, (low, high, step))) or not low:
            return None
        end = int(high) if high else (most if step else int(low))
        if int(low) > end or end > most or step == "0":
            return None
        found.update(range(int(low), end + 1, int(step or 1)))
    return sorted(found)
