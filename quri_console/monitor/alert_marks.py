"""One word per canister for all of its alerts: what a table has room for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from quri_console.history.alerts import AlertRow, Mute
from quri_console.monitor.fleet import AlertMark
from quri_console.monitor.rules import RANK, HealthLevel
from quri_console.monitor.silences import acknowledgement_of, in_force, silence_of

_URGENCY: tuple[AlertMark, ...] = ("firing", "acked", "silenced", "pending")
_LEVELS: dict[str, HealthLevel] = {level: level for level in RANK}


def alert_marks(
    alerts: Iterable[AlertRow], mutes: Sequence[Mute], names: Mapping[str, str], now_ns: int
) -> dict[str, AlertMark]:
    """The most urgent word of each subject that has an alert which is not over; `names` by subject."""
    marks: dict[str, AlertMark] = {}
    for alert in alerts:
        mark = _mark(alert, mutes, names.get(alert.subject, ""), now_ns)
        before = marks.get(alert.subject)
        if mark and (before is None or _URGENCY.index(mark) < _URGENCY.index(before)):
            marks[alert.subject] = mark
    return marks


def _mark(alert: AlertRow, mutes: Sequence[Mute], name: str, now_ns: int) -> AlertMark:
    if alert.state == "pending":
        return "pending"
    if alert.state not in ("firing", "resolving"):
        return ""
    if _acknowledged(alert, mutes, now_ns):
        return "acked"
    return "silenced" if silence_of(mutes, alert.subject, name, alert.rule, now_ns) else "firing"


def _acknowledged(alert: AlertRow, mutes: Sequence[Mute], now_ns: int) -> bool:
    """Whether somebody cares for it as bad as it is now."""
    ack = acknowledgement_of(mutes, alert.subject, alert.rule)
    if ack is None or not in_force(ack, now_ns):
        return False
    agreed, now = _LEVELS.get(ack.level), _LEVELS.get(alert.level)
    return agreed is None or now is None or RANK[now] <= RANK[agreed]
