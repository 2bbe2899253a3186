"""One step of the alerts: from the fleet's health to states, messages and history; pure but for `run_step`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import aiosqlite

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.config.alerting import AlertsConfig, ChannelConfig
from quri_console.history import History
from quri_console.history.alerts import LIVE_STATES, AlertChange, AlertEvent, Mute
from quri_console.monitor import alert_words
from quri_console.monitor.alert_book import AlertKey, Book, clock_document, read_book, row_of
from quri_console.monitor.alert_groups import WATCH, Pace, Restraint, inhibited
from quri_console.monitor.alert_messages import Composed, Sender, compose
from quri_console.monitor.alert_state import (
    Alert,
    Moment,
    Observation,
    advance,
    longest_watch,
    momentary_ns,
    retire,
    wait_ns,
)
from quri_console.monitor.fleet import CanisterView, Finding, Health
from quri_console.monitor.notification import Notification
from quri_console.monitor.rules import MOMENTARY, NO_DATA, Rule
from quri_console.monitor.silences import acknowledgement_of, in_force, silence_of

PAYER = "payer:"
"""What the subject of a payer begins with."""

# Judged by what lies on this machine: no sample is needed to know that they are over.
_LOCAL: frozenset[Rule] = frozenset({"backup-overdue", "channel-dead", "schedule-late"})

Measures = Mapping[str, Mapping[Rule, float]]


@dataclass(frozen=True, slots=True)
class Picture:
    """What a step looks at, all by subject.

    `names` has every subject that is watched: alerts of one that is neither there nor in `health` are over.
    A watched subject without health is one that nothing is known of. `measures` are values whether or not a
    finding applies, in the unit of the finding's `limit`: without them an alert clears where it fired.
    `groups` says whose alerts share a message (all of a network unless said). `fresh` is False for a step
    between two rounds, made because something was due.
    """

    health: Mapping[str, Health]
    names: Mapping[str, str]
    measures: Measures = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class Changes:
    """What a step leads to; `next_due_ns` is when to step again at the latest, None for the next round."""

    book: Book
    changed: tuple[Alert, ...] = ()
    removed: tuple[AlertKey, ...] = ()
    notifications: tuple[Notification, ...] = ()
    events: tuple[AlertEvent, ...] = ()
    ended_mutes: tuple[int, ...] = ()
    next_due_ns: int | None = None


class Put(Protocol):
    """Keeps a message for the channels, inside the caller's transaction."""

    async def __call__(
        self,
        connection: aiosqlite.Connection,
        notification: Notification,
        channels: Sequence[ChannelConfig],
        now_ns: int,
    ) -> object: ...


def measures_of(view: CanisterView) -> dict[Rule, float]:
    """The values of a canister that its alerts clear by."""
    values: tuple[tuple[Rule, float | None], ...] = (
        ("runway-short", view.runway_seconds),
        ("cycles-low", view.cycles),
    )
    return {rule: value for rule, value in values if value is not None}


class AlertEngine:
    """The alerts of one network. It holds no state: a step goes from one book to the next."""

    def __init__(self, network: str, config: AlertsConfig, interval_seconds: float) -> None:
        self._network = network
        self._config = config
        self._interval_ns = round(interval_seconds * NANOSECONDS_PER_SECOND)
        self._keep_ns = round(config.keep_firing_seconds * NANOSECONDS_PER_SECOND)
        self._pace = Pace.of(config)

    @property
    def network(self) -> str:
        """The network whose alerts these are."""
        return self._network

    def step(self, book: Book, now_ns: int, picture: Picture) -> Changes:
        """One step at wall time `now_ns`. The same book, time and picture always lead to the same changes."""
        clock = book.clock.at(now_ns, self._interval_ns)
        passed = clock.watched_ns - book.clock.watched_ns
        moment = Moment(now_ns, clock.steady_ns, clock.watched_ns, passed, picture.fresh)
        alerts = self._advanced(book, picture, moment)
        mutes, ended = _live_mutes(book, alerts)
        restraints = _restraints(alerts, mutes, picture.names, now_ns)
        sender = Sender(self._network, self._pace, self._config.runbook_url, picture.names, picture.groups)
        sent = compose(sender, alerts, restraints, book.groups, moment, clock.steps)
        changed = tuple(alert for key, alert in sent.alerts.items() if book.alerts.get(key) != alert)
        return Changes(
            Book(sent.alerts, sent.flushed, mutes, clock),
            changed,
            tuple(sorted(key for key in book.alerts if key not in sent.alerts)),
            sent.notifications,
            _events(book, changed, now_ns),
            ended,
            self._next_due(sent, mutes, moment),
        )

    def _advanced(self, book: Book, picture: Picture, moment: Moment) -> dict[AlertKey, Alert]:
        findings = _findings(picture.health)
        keys = set(book.alerts) | {(subject, rule) for subject, rules in findings.items() for rule in rules}
        alerts: dict[AlertKey, Alert] = {}
        for key in sorted(keys):
            subject, rule = key
            before = book.alerts.get(key)
            if before is not None and _retired(subject, picture):
                alert = retire(before, moment)
            else:
                seen = self._observation(key, findings.get(subject), picture)
                alert = advance(before, subject, rule, seen, moment)
            if alert is not None:
                alerts[key] = alert
        return alerts

    def _observation(self, key: AlertKey, rules: Mapping[Rule, Finding] | None, picture: Picture) -> Observation:
        subject, rule = key
        return Observation(
            finding=None if rules is None else rules.get(rule),
            known=rules is not None and _known(rule, rules),
            wait_ns=wait_ns(rule, self._config, self._interval_ns),
            keep_ns=self._keep_ns,
            measured=picture.measures.get(subject, {}).get(rule),
        )

    def _next_due(self, sent: Composed, mutes: Iterable[Mute], moment: Moment) -> int | None:
        waits = [wait for alert in sent.alerts.values() if (wait := self._state_wait(alert, moment)) is not None]
        if sent.due_ns is not None:
            waits.append(sent.due_ns - moment.steady_ns)
        if sent.alerts:
            ends = [mute.until_ns for mute in mutes if mute.until_ns is not None and in_force(mute, moment.now_ns)]
            waits += [end_ns - moment.now_ns for end_ns in ends]
        return moment.now_ns + max(1, min(waits)) if waits else None

    def _state_wait(self, alert: Alert, moment: Moment) -> int | None:
        """How long until the alert changes its state by itself; a long wait counts only in steps that are watched."""
        if alert.rule in MOMENTARY:
            over = alert.seen_ns + momentary_ns() - moment.steady_ns
            return over if alert.state == "firing" else None
        if alert.unknown or alert.state not in ("pending", "resolving"):
            return None
        whole = wait_ns(alert.rule, self._config, self._interval_ns) if alert.state == "pending" else self._keep_ns
        return min(whole - (moment.watched_ns - alert.entered_ns), longest_watch(self._interval_ns))


async def run_step(
    history: History,
    engine: AlertEngine,
    picture: Picture,
    now_ns: int,
    put: Put,
    channels: Sequence[ChannelConfig],
) -> Changes:
    """Make a step on the stored book; states, history and messages are kept together, or none of them.

    Raises HistoryUnusable; then nothing happened, and the next step makes up for it.
    """
    async with history.alerts.changing(engine.network) as alerts:
        pages = await alerts.pages()
        changes = engine.step(read_book(pages), now_ns, picture)
        await alerts.save(_stored(changes, pages.groups))
        for notification in changes.notifications:
            await put(alerts.connection, notification, channels, now_ns)
    return changes


def _stored(changes: Changes, groups_before: Mapping[str, str]) -> AlertChange:
    groups: dict[str, str | None] = {key: None for key in groups_before if key not in changes.book.groups}
    groups |= {key: str(at_ns) for key, at_ns in changes.book.groups.items()}
    return AlertChange(
        clock=clock_document(changes.book.clock),
        alerts=tuple(row_of(alert) for alert in changes.changed),
        removed=changes.removed,
        groups={key: document for key, document in groups.items() if groups_before.get(key) != document},
        events=changes.events,
        ended_mutes=changes.ended_mutes,
    )


def _findings(health: Mapping[str, Health]) -> dict[str, dict[Rule, Finding]]:
    """The findings by subject and rule, with the network's own when no canister answers."""
    findings: dict[str, dict[Rule, Finding]] = {}
    for subject, judged in health.items():
        rules = findings.setdefault(subject, {})
        for finding in judged.findings:
            # worst first, so that the first of a rule is the one that counts
            if finding.level != "ok":
                rules.setdefault(finding.rule, finding)
    canisters = [rules for subject, rules in findings.items() if subject != WATCH and not subject.startswith(PAYER)]
    if canisters:
        watch = findings.setdefault(WATCH, {})
        if len(canisters) > 1 and all("unreachable" in rules for rules in canisters):
            text = alert_words.network_unreachable(len(canisters))
            watch.setdefault("unreachable", Finding("unreachable", "critical", text))
    return findings


def _known(rule: Rule, rules: Mapping[Rule, Finding]) -> bool:
    """Whether the absence of a finding of `rule` means that it does not apply."""
    if rule in _LOCAL:
        return True
    if rule == "untrusted":
        return not {"unreachable", "rejected"} & set(rules)
    # whether there was an answer is always known
    return rule in NO_DATA or not NO_DATA & set(rules)


def _retired(subject: str, picture: Picture) -> bool:
    # without any names the caller has no fleet yet: that ends nothing
    return bool(picture.names) and subject not in picture.names and subject not in picture.health and subject != WATCH


def _live_mutes(book: Book, alerts: Mapping[AlertKey, Alert]) -> tuple[tuple[Mute, ...], tuple[int, ...]]:
    """The mutes that go on, and the numbers of the acknowledgements whose alert is over."""
    live = {(a.subject, str(a.rule)) for a in alerts.values() if a.state in LIVE_STATES}
    ended = tuple(mute.id for mute in book.mutes if mute.kind == "ack" and (mute.subject, mute.rule) not in live)
    return tuple(mute for mute in book.mutes if mute.id not in ended), ended


def _restraints(
    alerts: Mapping[AlertKey, Alert], mutes: Sequence[Mute], names: Mapping[str, str], now_ns: int
) -> dict[AlertKey, Restraint]:
    held_back = inhibited(alerts.values())
    return {
        (subject, rule): Restraint(
            silence_of(mutes, subject, names.get(subject, ""), rule, now_ns),
            acknowledgement_of(mutes, subject, rule),
            (subject, rule) in held_back,
        )
        for subject, rule in alerts
    }


def _events(book: Book, changed: Iterable[Alert], now_ns: int) -> tuple[AlertEvent, ...]:
    events: list[AlertEvent] = []
    for alert in changed:
        event = alert_words.event(alert, book.alerts.get((alert.subject, alert.rule)))
        if event is not None:
            events.append(AlertEvent(alert.subject, alert.rule, now_ns, event[0], alert.level, event[1]))
    return tuple(events)
