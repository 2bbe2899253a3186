"""What there is to say of alerts, and when: grouped, inhibited, repeated, and never twice. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.config.alerting import AlertsConfig
from quri_console.history.alerts import Mute
from quri_console.monitor.alert_state import IMMEDIATE, Alert, Told
from quri_console.monitor.rules import MOMENTARY, NO_DATA, RANK, HealthLevel, Rule
from quri_console.monitor.silences import in_force

WATCH = "watch"
"""The subject of what is wrong with the watch itself or with the whole network."""

News = Literal["new", "worse", "flapping", "resolved"]

# What makes other alerts of the same subject not worth saying.
_INHIBITS: dict[Rule, frozenset[Rule]] = {
    "frozen": frozenset({"cycles-low", "runway-short"}),
    "unreachable": frozenset({"stale"}),
}
_ENDS: tuple[Rule, ...] = ("deleted", "emptied")
"""The first that applies inhibits every other rule of the subject."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The waits of messages in ns; all on the steady clock."""

    first_ns: int
    addition_ns: int
    critical_ns: int
    other_ns: int

    @classmethod
    def of(cls, config: AlertsConfig) -> Pace:
        """As configured."""
        seconds = (
            config.group_wait_seconds,
            config.group_interval_seconds,
            config.repeat_critical_seconds,
            config.repeat_warning_seconds,
        )
        return cls(*(round(value * NANOSECONDS_PER_SECOND) for value in seconds))

    def repeat_ns(self, level: HealthLevel) -> int:
        """How long after a message the same alert is sent again."""
        return self.critical_ns if level == "critical" else self.other_ns

    def early_ns(self, level: HealthLevel) -> int:
        """How much too early a repeat may be, to go into a message that is sent anyway."""
        return min(self.addition_ns, self.repeat_ns(level) // 10)


@dataclass(frozen=True, slots=True)
class Restraint:
    """What keeps an alert from being sent."""

    silence: Mute | None = None
    ack: Mute | None = None
    """An acknowledgement, run out or not."""
    inhibited: bool = False


def inhibited(alerts: Iterable[Alert]) -> frozenset[tuple[str, Rule]]:
    """The (subject, rule) of every alert that another one makes not worth saying."""
    active = [alert for alert in alerts if alert.state in ("pending", "firing", "resolving")]
    rules: dict[str, set[Rule]] = {}
    for alert in active:
        rules.setdefault(alert.subject, set()).add(alert.rule)
    network_gone = "unreachable" in rules.get(WATCH, ())
    return frozenset(
        (subject, rule)
        for subject, applying in rules.items()
        for rule in applying
        if _inhibited(rule, applying) or (network_gone and subject != WATCH and rule in NO_DATA - {"untrusted"})
    )


def _inhibited(rule: Rule, applying: Collection[Rule]) -> bool:
    for end in _ENDS:
        if end in applying:
            return rule != end
    return any(rule in _INHIBITS.get(other, ()) for other in applying)


def news_of(alert: Alert, restraint: Restraint, now_ns: int) -> News | None:
    """What the reader does not know of an alert yet; nothing of one that must not be sent now."""
    if restraint.silence is not None:
        return None
    if alert.state in ("resolved", "gone"):
        return "resolved" if alert.told is not None else None
    if restraint.inhibited or alert.state != "firing":
        return None
    news = _untold(alert)
    return None if _acknowledged(alert, restraint.ack, now_ns) else news


def _untold(alert: Alert) -> News | None:
    told = alert.told
    if alert.flapping:
        return None if told is not None and told.flapping else "flapping"
    if told is None or alert.muted:
        return "new"
    if RANK[alert.level] > RANK[told.level]:
        return "worse"
    # another thing that happened, while the reader knows of the one before
    return "new" if alert.rule in MOMENTARY and alert.value != told.value else None


def _acknowledged(alert: Alert, ack: Mute | None, now_ns: int) -> bool:
    """Whether somebody has said to know of it; of a worse level nobody has."""
    return ack is not None and in_force(ack, now_ns) and RANK[alert.level] <= _rank(ack.level)


def _rank(level: str) -> int:
    return next((rank for known, rank in RANK.items() if known == level), RANK["critical"])


def repeat_due_ns(alert: Alert, restraint: Restraint, pace: Pace, now_ns: int) -> int | None:
    """When, on the steady clock, an alert that was told is to be told again; None while it is not."""
    if alert.told is None or alert.state != "firing" or alert.flapping:
        return None
    if restraint.silence is not None or restraint.inhibited or _acknowledged(alert, restraint.ack, now_ns):
        return None
    return alert.told.steady_ns + pace.repeat_ns(alert.level)


def with_news(alert: Alert, news: News | None, restraint: Restraint, steady_ns: int) -> Alert:
    """The alert, with since when it has news and whether a silence holds it back."""
    firing = alert.state in ("firing", "resolving")
    muted = firing and (alert.muted or restraint.silence is not None)
    since = None if news is None else alert.news_ns if alert.news_ns is not None else steady_ns
    if muted == alert.muted and since == alert.news_ns:
        return alert
    return replace(alert, muted=muted, news_ns=since)


def flush_due_ns(
    alerts: Sequence[tuple[Alert, News | None]], flushed_ns: int | None, repeats: Iterable[int], pace: Pace
) -> int | None:
    """When, on the steady clock, a group's next message is due: all alerts of the group, and its repeats' times."""
    times = list(repeats)
    waiting = [alert.news_ns for alert, news in alerts if news is not None and alert.news_ns is not None]
    if waiting:
        due = min(waiting) + pace.first_ns
        if flushed_ns is not None and any(alert.told is not None for alert, _ in alerts):
            due = max(due, flushed_ns + pace.addition_ns)
        if any(_urgent(alert, news) for alert, news in alerts):
            due = min(waiting)
        times.append(due)
    return min(times, default=None)


def _urgent(alert: Alert, news: News | None) -> bool:
    return news == "worse" or (news == "new" and alert.rule in IMMEDIATE and alert.level == "critical")


def told(alert: Alert, steady_ns: int) -> Alert:
    """The alert after the reader was told of it."""
    if alert.state in ("resolved", "gone"):
        return replace(alert, told=None, muted=False, news_ns=None)
    known = Told(alert.level, steady_ns, alert.value, alert.flapping)
    return replace(alert, told=known, muted=False, news_ns=None)
