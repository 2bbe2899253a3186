"""The life of one alert: pending, firing, resolving, resolved, gone. Pure; time comes in.

Waits are measured on clocks of the watch's own (`WatchClock`), never on the wall: those stand still
while the wall clock goes back, and what passed unobserved counts as one interval, not as days.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.config.alerting import AlertsConfig
from quri_console.monitor.fleet import Finding
from quri_console.monitor.rules import MOMENTARY, NO_DATA, RANK, HealthLevel, Rule
from quri_console.units import HOUR_SECONDS

AlertState = Literal["pending", "firing", "resolving", "resolved", "gone"]
"""`gone` is an alert that nobody needs to see: it is kept for as long as its checks may still show flapping."""

IMMEDIATE: frozenset[Rule] = MOMENTARY | {"frozen", "emptied", "deleted", "stopped", "untrusted"}
"""Rules whose alert fires from a single sample."""

MISSED_INTERVALS = 3
"""How many samples have to be missing before that is an alert of its own."""

MOMENTARY_SECONDS = float(HOUR_SECONDS)

FLAP_CHECKS = 21
FLAP_STARTS, FLAP_STOPS = 0.20, 0.05

# An alert clears where the value has left its limit behind by so much, up or down.
_CLEARS_ABOVE: dict[Rule, float] = {"runway-short": 1.10, "cycles-low": 1.05, "payer-low": 1.05}
_CLEARS_BELOW: dict[Rule, float] = {
    "reserved-near-limit": 0.98,
    "heap-near-limit": 0.98,
    "stable-near-limit": 0.98,
    "memory-growth": 0.90,
    "burn-anomaly": 0.90,
    "clock-skew": 0.90,
}


@dataclass(frozen=True, slots=True)
class WatchClock:
    """The watch's own times, all in ns: `steady_ns` never goes back, `watched_ns` counts only what was watched."""

    wall_ns: int | None = None
    steady_ns: int = 0
    watched_ns: int = 0
    steps: int = 0

    def at(self, now_ns: int, interval_ns: int) -> WatchClock:
        """The clock one step later; a gap of more than two intervals counts as one that was watched."""
        passed = 0 if self.wall_ns is None else max(0, now_ns - self.wall_ns)
        watched = passed if passed <= longest_watch(interval_ns) else interval_ns
        return WatchClock(now_ns, self.steady_ns + passed, self.watched_ns + watched, self.steps + 1)


def longest_watch(interval_ns: int) -> int:
    """The longest time between two steps that counts in full, in ns."""
    return 2 * interval_ns


@dataclass(frozen=True, slots=True)
class Told:
    """What the reader was last told of a firing alert, and when on the steady clock."""

    level: HealthLevel
    steady_ns: int
    value: str = ""
    flapping: bool = False


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `since_ns` and `started_ns` are wall times, for people; `entered_ns` is on the watched clock."""

    subject: str
    rule: Rule
    state: AlertState
    level: HealthLevel
    text: str
    since_ns: int
    """When it came into this state."""
    started_ns: int
    """When its cause was first seen."""
    entered_ns: int
    seen_ns: int
    """When its cause was last seen, on the steady clock; kept up to date for what happens in a moment."""
    value: str = ""
    threshold: str = ""
    limit: float | None = None
    unknown: bool = False
    """Whether nothing is known of it now, so that it keeps its state."""
    checks: int = 0
    """One bit for each of the last checks, the newest lowest: whether the cause was there."""
    flapping: bool = False
    told: Told | None = None
    muted: bool = False
    """Whether it was silenced while it fired, and not sent since."""
    news_ns: int | None = None
    """Since when, on the steady clock, there is something to send."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One step's time. `watched_ns` since the step before is `passed_ns`; `fresh`: there are new samples."""

    now_ns: int
    steady_ns: int
    watched_ns: int
    passed_ns: int
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class Observation:
    """What a step knows of one alert's cause.

    `measured` is the value of now, whether or not it is beyond the limit. `known` says whether the
    absence of a finding means anything. `wait_ns` and `keep_ns` are how long the cause must hold and be absent.
    """

    finding: Finding | None
    known: bool
    wait_ns: int
    keep_ns: int
    measured: float | None = None


def wait_ns(rule: Rule, config: AlertsConfig, interval_ns: int) -> int:
    """How long the cause must hold before its alert fires."""
    if rule in IMMEDIATE:
        return 0
    if rule in NO_DATA:
        return MISSED_INTERVALS * interval_ns
    return round(config.wait_seconds * NANOSECONDS_PER_SECOND)


def cleared(rule: Rule, measured: float, limit: float) -> bool:
    """Whether a value is far enough from the limit that it had crossed."""
    if rule in _CLEARS_ABOVE:
        return measured > limit * _CLEARS_ABOVE[rule]
    if rule in _CLEARS_BELOW:
        return measured < limit * _CLEARS_BELOW[rule]
    return True


def advance(alert: Alert | None, subject: str, rule: Rule, seen: Observation, moment: Moment) -> Alert | None:
    """The alert after one step; None while there is none, and once there is nothing left to remember of it."""
    if alert is None:
        if seen.finding is None:
            return None
        alert = _new(subject, rule, seen.finding, moment)
    absence_means_nothing = not seen.known and rule not in MOMENTARY
    if alert.unknown:
        # what passed since the step before passed in the dark: no wait goes on by it
        alert = replace(alert, entered_ns=alert.entered_ns + moment.passed_ns)
    if alert.unknown != absence_means_nothing:
        alert = replace(alert, unknown=absence_means_nothing)
    present = seen.finding is not None or _held(alert, seen)
    if absence_means_nothing:
        return _without_data(alert, seen, moment)
    alert = _checked(alert, present, moment)
    return _present(alert, seen, moment) if present else _absent(alert, seen, moment)


def flap_share(checks: int) -> float:
    """The weighted share of changes among the last checks: the newest counts 1.2, the oldest 0.8."""
    changes = FLAP_CHECKS - 1
    changed = checks ^ (checks >> 1)
    weights = (1.2 - 0.4 * age / (changes - 1) for age in range(changes) if changed >> age & 1)
    return sum(weights) / changes


def _new(subject: str, rule: Rule, finding: Finding, moment: Moment) -> Alert:
    now = moment.now_ns
    return Alert(subject, rule, "gone", finding.level, finding.text, now, now, moment.watched_ns, moment.steady_ns)


def _held(alert: Alert, seen: Observation) -> bool:
    """Whether a firing alert's value is back within its limit, but not by enough."""
    if alert.state != "firing" or alert.limit is None or seen.measured is None:
        return False
    return not cleared(alert.rule, seen.measured, alert.limit)


def _checked(alert: Alert, present: bool, moment: Moment) -> Alert:
    """One more check; whether it flaps."""
    if not moment.fresh or alert.rule in MOMENTARY:
        return alert
    checks = (alert.checks << 1 | present) & ((1 << FLAP_CHECKS) - 1)
    share = flap_share(checks)
    flapping = share >= FLAP_STOPS if alert.flapping else share > FLAP_STARTS
    return alert if checks == alert.checks else replace(alert, checks=checks, flapping=flapping)


def _without_data(alert: Alert, seen: Observation, moment: Moment) -> Alert:
    """Nothing is known: it keeps its state. Only what needs no second look may begin."""
    if seen.finding is not None and seen.wait_ns == 0:
        return _present(alert, seen, moment)
    if seen.finding is not None and alert.state in ("resolved", "gone"):
        return _enter(_described(alert, seen), "pending", moment, started=True)
    return alert


def _present(alert: Alert, seen: Observation, moment: Moment) -> Alert:
    alert = _described(alert, seen)
    if alert.rule in MOMENTARY:
        alert = replace(alert, seen_ns=moment.steady_ns)
    if alert.state in ("resolved", "gone"):
        alert = _enter(alert, "pending", moment, started=True)
    ripe = moment.watched_ns - alert.entered_ns >= seen.wait_ns
    if alert.state == "resolving" or (alert.state == "pending" and ripe):
        return _enter(alert, "firing", moment)
    return alert


def _absent(alert: Alert, seen: Observation, moment: Moment) -> Alert | None:
    if alert.flapping:
        # one message says that it comes and goes; until that is over it counts as firing
        return alert if alert.state == "firing" else _enter(alert, "firing", moment)
    if alert.rule in MOMENTARY:
        return _momentary(alert, moment)
    if alert.state == "pending":
        alert = _enter(alert, "gone", moment)
    if alert.state == "firing":
        alert = _enter(alert, "resolving", moment)
    if alert.state == "resolving" and moment.watched_ns - alert.entered_ns >= seen.keep_ns:
        alert = _enter(alert, "resolved", moment)
    return alert if _remembered(alert) else None


def _momentary(alert: Alert, moment: Moment) -> Alert | None:
    over = moment.steady_ns - alert.seen_ns >= momentary_ns()
    if alert.state == "firing" and over:
        return _enter(alert, "resolved", moment)
    return alert if _remembered(alert) else None


def momentary_ns() -> int:
    """How long an alert about something that happened keeps firing."""
    return round(MOMENTARY_SECONDS * NANOSECONDS_PER_SECOND)


def _remembered(alert: Alert) -> bool:
    return alert.state not in ("resolved", "gone") or alert.checks != 0 or alert.told is not None


def _described(alert: Alert, seen: Observation) -> Alert:
    """With the finding's level and words; a lower level counts only when the value has left the higher one's limit."""
    finding = seen.finding
    if finding is None:
        return alert
    better = RANK[finding.level] < RANK[alert.level]
    if better and _held(alert, replace(seen, measured=_first(finding.measured, seen.measured))):
        return alert
    limit = finding.limit if finding.limit is not None and isfinite(finding.limit) else None
    described = (finding.level, finding.text, finding.value, finding.threshold, limit)
    if described == (alert.level, alert.text, alert.value, alert.threshold, alert.limit):
        return alert
    level, text, value, threshold, limit = described
    return replace(alert, level=level, text=text, value=value, threshold=threshold, limit=limit)


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _enter(alert: Alert, state: AlertState, moment: Moment, *, started: bool = False) -> Alert:
    alert = replace(alert, state=state, since_ns=moment.now_ns, entered_ns=moment.watched_ns)
    return replace(alert, started_ns=moment.now_ns) if started else alert


def retire(alert: Alert, moment: Moment) -> Alert | None:
    """The alert of something that is no longer watched: over, whatever state it was in."""
    alert = replace(alert, checks=0, flapping=False, unknown=False)
    if alert.state in ("firing", "resolving"):
        alert = _enter(alert, "resolved", moment)
    if alert.state == "pending":
        alert = _enter(alert, "gone", moment)
    return alert if _remembered(alert) else None
