"""A fleet whose health tests make up, and a watch that steps through it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from quri_console.config.alerting import AlertsConfig
from quri_console.history.alerts import AlertPages, Mute
from quri_console.monitor.alert_book import Book, clock_document, read_book, row_of
from quri_console.monitor.alert_engine import AlertEngine, Changes, Picture
from quri_console.monitor.alert_state import Alert
from quri_console.monitor.fleet import Finding, Health
from quri_console.monitor.notification import AlertNote, Notification
from quri_console.monitor.rules import HealthLevel, Rule

SECOND = 1_000_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
START = 1_750_000_000 * SECOND
INTERVAL = 60.0

CRITICAL: frozenset[Rule] = frozenset({"frozen", "emptied", "deleted", "stopped", "untrusted"})
UNKNOWN: frozenset[Rule] = frozenset({"never-seen", "stale", "unreachable", "rejected", "not-authorised"})


def finding(
    rule: Rule,
    level: HealthLevel | None = None,
    value: str = "",
    measured: float | None = None,
    limit: float | None = None,
) -> Finding:
    """A finding of that rule, at its usual level."""
    usual: HealthLevel = "critical" if rule in CRITICAL else "unknown" if rule in UNKNOWN else "warning"
    return Finding(rule, level or usual, f"{rule}: as a test says", value, "", measured, limit)


def health(*findings: Finding | Rule) -> Health:
    """A health with those findings."""
    found = tuple(item if isinstance(item, Finding) else finding(item) for item in findings)
    return Health(found[0].level if found else "ok", found)


def stored(book: Book) -> Book:
    """The book as a new process reads it."""
    pages = AlertPages(
        tuple(row_of(alert) for alert in book.alerts.values()),
        {key: str(at_ns) for key, at_ns in book.groups.items()},
        book.mutes,
        clock_document(book.clock),
    )
    return read_book(pages)


@dataclass
class Watch:
    """Steps an engine from book to book, and keeps every message."""

    subjects: tuple[str, ...] = ("a", "b", "c")
    config: AlertsConfig = field(default_factory=AlertsConfig)
    now_ns: int = START
    book: Book = field(default_factory=Book)
    sent: list[Notification] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    groups: Mapping[str, str] = field(default_factory=dict)

    def step(
        self,
        findings: Mapping[str, Iterable[Finding | Rule]] | None = None,
        *,
        after: int = 0,
        fresh: bool = True,
        missing: Iterable[str] = (),
        measures: Mapping[str, Mapping[Rule, float]] | None = None,
    ) -> Changes:
        """One step `after` so many ns; subjects without findings are well, `missing` ones have no health at all."""
        self.now_ns += after
        given = findings or {}
        judged = {
            subject: health(*given.get(subject, ()))
            for subject in (*self.subjects, *(s for s in given if s not in self.subjects))
            if subject not in set(missing)
        }
        names = {subject: f"{subject}-name" for subject in self.subjects}
        picture = Picture(judged, names, measures or {}, self.groups, fresh)
        changes = AlertEngine("ic", self.config, INTERVAL).step(self.book, self.now_ns, picture)
        self.book = changes.book
        self.sent += changes.notifications
        self.ended += changes.ended_mutes
        return changes

    def minutes(self, count: int, findings: Mapping[str, Iterable[Finding | Rule]] | None = None) -> list[Notification]:
        """One round a minute; the messages of that time."""
        before = len(self.sent)
        for _ in range(count):
            self.step(findings, after=MINUTE)
        return self.sent[before:]

    def restart(self) -> None:
        """Read the book anew, as after a crash."""
        self.book = stored(self.book)

    def alert(self, subject: str, rule: Rule) -> Alert | None:
        """The alert as it is now."""
        return self.book.alerts.get((subject, rule))

    def state(self, subject: str, rule: Rule) -> str:
        """Its state; `gone` also when it is not kept at all."""
        alert = self.alert(subject, rule)
        return alert.state if alert else "gone"

    def mute(self, mute: Mute) -> None:
        """Add a silence or an acknowledgement."""
        self.book = replace(self.book, mutes=(*self.book.mutes, mute))

    def unmute(self, number: int) -> None:
        """Take one back."""
        self.book = replace(self.book, mutes=tuple(m for m in self.book.mutes if m.id != number))


def silence(subject: str = "*", rule: str = "*", *, number: int = 1, until_ns: int | None = None) -> Mute:
    """A silence."""
    return Mute(number, subject, rule, "silence", "", "op", "", START, until_ns)


def ack(subject: str, rule: Rule, level: HealthLevel, *, number: int = 1, until_ns: int | None = None) -> Mute:
    """An acknowledgement."""
    return Mute(number, subject, rule, "ack", level, "op", "", START, until_ns)


def notes(messages: Iterable[Notification]) -> list[AlertNote]:
    """All alerts of some messages."""
    return [note for message in messages for note in message.alerts]


def told(messages: Iterable[Notification]) -> list[tuple[str, str, str]]:
    """(subject, rule, status) of every alert in some messages."""
    return [(note.subject, note.rule, note.status) for note in notes(messages)]


def step_when_due(watch: Watch, changes: Changes, findings: Mapping[str, Iterable[Finding | Rule]]) -> Changes:
    """One step at the very time that the last one asked for, with the picture of the last round."""
    assert changes.next_due_ns is not None
    return watch.step(findings, after=changes.next_due_ns - watch.now_ns, fresh=False)
