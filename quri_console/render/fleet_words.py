"""Short words about a canister that tables and sentences share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.monitor.fleet import is_stale
from quri_console.render.ages import age_seconds, short_age, short_duration
from quri_console.units import DAY_SECONDS, format_bytes

if TYPE_CHECKING:
    from quri_console.monitor.fleet import CanisterView

SHORT_HASH = 7
CHANGED = "*"
"""Behind a module that changed within a day."""
_MINUTE_NS = 60 * NANOSECONDS_PER_SECOND
# what is said in each minute of the first hour
_STEPS = ("<1m", "1m", *["2m"] * 3, *["5m"] * 5, *["10m"] * 20, *["30m"] * 30)


def snapshots_words(view: CanisterView) -> str:
    """What a canister's snapshots on chain take, which it pays for as for memory; empty without any."""
    return f"{format_bytes(view.snapshot_bytes)} of snapshots on chain" if view.snapshot_bytes else ""


def stepped_age(at_ns: int | None, now_ns: int) -> str:
    """Time since a moment in steps (<1m 1m 2m 5m 10m 30m 1h 2h … 1d), so that what is drawn seldom changes."""
    if at_ns is None or at_ns > now_ns:
        return short_age(at_ns, now_ns)
    minutes = (now_ns - at_ns) // _MINUTE_NS
    return _STEPS[minutes] if minutes < len(_STEPS) else short_duration(60.0 * minutes)


def is_old(view: CanisterView, now_ns: int) -> bool:
    """Whether its values are stale: when the picture was made, or because no picture has come since."""
    return view.stale or is_stale(view.sampled_at_ns, now_ns, view.interval_seconds)


def cycles_change(view: CanisterView) -> int | None:
    """By how much the balance differs from the oldest one that is held of the last day; None without two."""
    series = view.cycles_series
    if view.cycles is None or len(series) < 2:
        return None
    # the picture holds a day of them
    return view.cycles - series[0][1]


def module_changed(view: CanisterView, now_ns: int) -> bool:
    """Whether the module changed within a day."""
    changed = view.module_changed_at_ns
    return changed is not None and age_seconds(changed, now_ns) <= DAY_SECONDS


def readiness_is_old(view: CanisterView, now_ns: int) -> bool:
    """Whether it is more than a day since somebody asked if it could be restored."""
    asked = view.ready_at_ns
    return asked is not None and age_seconds(asked, now_ns) > DAY_SECONDS
