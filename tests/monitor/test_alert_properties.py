"""Whatever happens in whatever order: nothing is lost, repeated, or resolved for want of data."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from quri_console.config.alerting import AlertsConfig
from quri_console.monitor.alert_engine import AlertEngine, Changes, Picture
from quri_console.monitor.alert_state import Alert
from quri_console.monitor.fleet import Finding
from quri_console.monitor.rules import MOMENTARY, NO_DATA, Rule
from tests.support.alerting import DAY, HOUR, INTERVAL, MINUTE, SECOND, START, Watch, ack, finding, health, silence

SUBJECTS = ("a", "b", "payer:main")
RULES: tuple[Rule, ...] = (
    "stopped",
    "frozen",
    "cycles-low",
    "deleted",
    "module-changed",
    "unreachable",
    "stale",
    "not-authorised",
    "untrusted",
)
QUICK = AlertsConfig(keep_firing_seconds=120, group_interval_seconds=120, repeat_critical_seconds=1200)

found = st.one_of(
    st.sampled_from(RULES).map(finding),
    st.builds(
        finding,
        st.just("cycles-low"),
        st.sampled_from(["warning", "critical"]),
        st.just(""),
        st.floats(0, 10),
        st.floats(0, 10),
    ),
)
several = st.lists(found, max_size=3, unique_by=lambda item: item.rule)
fleets = st.dictionaries(st.sampled_from(SUBJECTS), several, max_size=3)
waits = st.one_of(
    st.just(MINUTE),
    st.integers(1, 180).map(lambda seconds: seconds * SECOND),
    st.sampled_from([HOUR, 5 * HOUR, DAY, 3 * DAY, -1, -MINUTE, -DAY, 0]),
)


class Alerting(RuleBasedStateMachine):
    """Two watches see the same; one is restarted now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.steady = Watch(SUBJECTS, QUICK)
        self.restarted = Watch(SUBJECTS, QUICK)
        self.findings: dict[str, list[Finding]] = {}
        self.reader: dict[str, str] = {}
        self.mutes = 0

    @initialize(findings=fleets)
    def begin(self, findings: dict[str, list[Finding]]) -> None:
        self.findings = findings

    @rule(findings=fleets)
    def change(self, findings: dict[str, list[Finding]]) -> None:
        self.findings = findings

    @rule(subject=st.sampled_from(SUBJECTS), items=several)
    def change_one(self, subject: str, items: list[Finding]) -> None:
        self.findings = {**self.findings, subject: items}

    @rule(pattern=st.sampled_from(["*", "a", "b*"]), what=st.sampled_from(["*", "stopped"]), length=waits)
    def add_silence(self, pattern: str, what: str, length: int) -> None:
        self.mutes += 1
        for watch in (self.steady, self.restarted):
            watch.mute(silence(pattern, what, number=self.mutes, until_ns=watch.now_ns + length))

    @rule(subject=st.sampled_from(SUBJECTS), what=st.sampled_from(RULES))
    def acknowledge(self, subject: str, what: Rule) -> None:
        self.mutes += 1
        for watch in (self.steady, self.restarted):
            watch.mute(ack(subject, what, "warning", number=self.mutes))

    @rule()
    def take_silences_back(self) -> None:
        for watch in (self.steady, self.restarted):
            watch.book = replace(watch.book, mutes=())

    @rule(after=waits, missing=st.sets(st.sampled_from(SUBJECTS), max_size=1), fresh=st.booleans())
    def step(self, after: int, missing: set[str], fresh: bool) -> None:
        before = self.steady.book.alerts
        given_findings = {subject: items for subject, items in self.findings.items() if subject not in missing}
        changes = self.steady.step(given_findings, after=after, missing=missing, fresh=fresh)
        again = self.restarted.step(given_findings, after=after, missing=missing, fresh=fresh)
        assert again == changes
        self._check_messages(changes)
        self._check_no_data(before, changes, given_findings, missing)
        assert changes.next_due_ns is None or changes.next_due_ns > self.steady.now_ns

    @rule(times=st.integers(1, 30))
    def rounds(self, times: int) -> None:
        for _ in range(times):
            self.step(MINUTE, set(), True)

    @rule()
    def restart(self) -> None:
        self.restarted.restart()

    @invariant()
    def nobody_sees_the_restart(self) -> None:
        assert self.restarted.book == self.steady.book
        assert self.restarted.sent == self.steady.sent

    def _check_messages(self, changes: Changes) -> None:
        in_force = [m for m in changes.book.mutes if m.kind == "silence" and m.until_ns > self.steady.now_ns]  # type: ignore[operator]
        for message in changes.notifications:
            assert message.alerts
            for note in message.alerts:
                if note.status == "resolved":
                    assert self.reader.get(note.fingerprint) == "firing"
                self.reader[note.fingerprint] = note.status
                assert not any(
                    fnmatchcase(note.subject, m.subject) and fnmatchcase(note.rule, m.rule) for m in in_force
                )
        assert len({m.key for m in self.steady.sent}) == len(self.steady.sent)

    def _check_no_data(
        self,
        before: dict[tuple[str, Rule], Alert],  # type: ignore[type-arg]
        changes: Changes,
        findings: dict[str, list[Finding]],
        missing: set[str],
    ) -> None:
        for key, alert in before.items():
            rules = {item.rule for item in findings.get(key[0], [])}
            nothing_known = key[0] in missing or (bool(rules & NO_DATA) and key[1] not in NO_DATA)
            if nothing_known and key[1] not in MOMENTARY and alert.state in ("firing", "resolving"):
                after = changes.book.alerts[key].state
                assert after == alert.state or (after == "firing" and key[1] in rules)


TestAlerting = Alerting.TestCase
TestAlerting.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@given(st.lists(fleets, min_size=1, max_size=6), st.integers(7, 59))
@settings(max_examples=25, deadline=None)
def test_stepping_when_due_loses_no_second(script: list[dict[str, list[Finding]]], every: int) -> None:
    """A watch that steps only each round and when asked sends what one sends that steps every few seconds more."""
    asked, busy = Watch(SUBJECTS, QUICK), Watch(SUBJECTS, QUICK)
    due = None
    before: dict[str, list[Finding]] = {}
    for turn, findings in enumerate(script * 3):
        end = START + turn * MINUTE
        moments = set(range(busy.now_ns + every * SECOND, end, every * SECOND))
        while due is not None and due < end:
            moments.add(due)
            due = asked.step(before, after=due - asked.now_ns, fresh=False).next_due_ns
        for moment in sorted(moments):
            busy.step(before, after=moment - busy.now_ns, fresh=False)
        due = asked.step(findings, after=end - asked.now_ns).next_due_ns
        busy.step(findings, after=end - busy.now_ns)
        before = findings
    summary = [[(m.created_at_ns, m.title, m.alerts, m.text) for m in watch.sent] for watch in (asked, busy)]
    assert summary[0] == summary[1]


@given(
    st.sampled_from(["stopped", "cycles-low", "unreachable"]), st.lists(st.integers(1, 400), min_size=30, max_size=60)
)
@settings(max_examples=30, deadline=None)
def test_each_firing_is_told_once_per_repeat_interval(what: Rule, gaps: list[int]) -> None:
    watch = Watch(SUBJECTS, AlertsConfig(repeat_critical_seconds=1200, repeat_warning_seconds=2400))
    every = (1200 if what == "stopped" else 2400) * SECOND
    due = watch.step({"a": [what]}).next_due_ns
    for gap in gaps:
        end = watch.now_ns + gap * SECOND
        while due is not None and due < end:
            due = watch.step({"a": [what]}, after=due - watch.now_ns, fresh=False).next_due_ns
        due = watch.step({"a": [what]}, after=end - watch.now_ns).next_due_ns
    times = [message.created_at_ns for message in watch.sent]
    assert all(later - earlier == every for earlier, later in pairwise(times))
    assert watch.now_ns - times[-1] < every if times else watch.state("a", what) == "pending"


@given(st.lists(st.tuples(fleets, waits), max_size=12), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_of_subjects_does_not_matter(
    script: list[tuple[dict[str, list[Finding]], int]], random: object
) -> None:
    ordered, mixed = Watch(SUBJECTS, QUICK), Watch(SUBJECTS, QUICK)
    engine = AlertEngine("ic", QUICK, INTERVAL)
    for findings, after in script:
        changes = ordered.step(findings, after=after)
        subjects = list(SUBJECTS)
        random.shuffle(subjects)  # type: ignore[attr-defined]
        picture = Picture(
            {subject: health(*findings.get(subject, ())) for subject in subjects},
            {subject: f"{subject}-name" for subject in subjects},
        )
        again = engine.step(mixed.book, ordered.now_ns, picture)
        assert again == changes
        mixed.book = again.book
