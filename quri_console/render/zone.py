"""Moments in the zone that the screen shows: UTC, or that of this machine with its offset.

The zone is of the whole screen, so it is said once, when the console starts; commands never change it.
"""

from __future__ import annotations

from typing import Literal

from quri_console.clock import utc_datetime

Zone = Literal["utc", "local"]


class _Shown:
    zone: Zone = "utc"


def show_zone(zone: Zone) -> None:
    """Show moments in this zone from now on."""
    _Shown.zone = zone


def moment_text(at_ns: int) -> str:
    """A moment to the second with its zone: `2025-01-24 02:00:07 UTC`, or `2025-01-24 03:00:07 +0100`."""
    moment = utc_datetime(at_ns)
    if _Shown.zone == "utc":
        return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def clock_text(at_ns: int) -> str:
    """The time of day alone: `02:00:07`."""
    moment = utc_datetime(at_ns)
    return (moment if _Shown.zone == "utc" else moment.astimezone()).strftime("%H:%M:%S")


def zone_name(at_ns: int) -> str:
    """What the shown zone is called at a moment: `UTC`, `UTC+01:00`."""
    if _Shown.zone == "utc":
        return "UTC"
    offset = utc_datetime(at_ns).astimezone().strftime("%z")
    return f"UTC{offset[:3]}:{offset[3:5]}"
