"""One message for what belongs together, in time, once; nothing of what is silenced or explained by something else."""

import shlex
from itertools import pairwise
from typing import get_args

import pytest

from quri_console.config.alerting import AlertsConfig
from quri_console.monitor import alert_words
from quri_console.monitor.rules import Rule
from tests.support.alerting import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    START,
    Watch,
    ack,
    finding,
    notes,
    silence,
    step_when_due,
    told,
)

LOW: dict[str, list[Rule]] = {"a": ["cycles-low"]}


def test_what_is_critical_is_sent_in_the_step_that_sees_it() -> None:
    watch = Watch()
    watch.step({"a": ["frozen"], "b": ["stopped"]})
    assert told(watch.sent) == [("a", "frozen", "firing"), ("b", "stopped", "firing")]
    assert len(watch.sent) == 1


def test_each_wait_ends_in_the_step_that_was_asked_for() -> None:
    watch = Watch()
    changes = watch.step(LOW)
    assert changes.next_due_ns == START + 60 * SECOND
    changes = step_when_due(watch, changes, LOW)
    assert watch.state("a", "cycles-low") == "firing"
    assert changes.next_due_ns == START + 90 * SECOND
    assert watch.sent == []
    changes = step_when_due(watch, changes, LOW)
    assert told(changes.notifications) == [("a", "cycles-low", "firing")]
    assert changes.next_due_ns == START + 90 * SECOND + DAY
    changes = step_when_due(watch, changes, LOW)
    assert told(changes.notifications) == [("a", "cycles-low", "firing")]


def test_without_alerts_no_step_is_due() -> None:
    assert Watch().step().next_due_ns is None


def test_additions_wait_for_the_groups_interval_and_come_together() -> None:
    watch = Watch(config=AlertsConfig(wait_seconds=0))
    watch.step({"a": ["stopped"]})
    watch.minutes(1, {"a": ["stopped"], "b": ["cycles-low"]})
    watch.minutes(3, {"a": ["stopped"], "b": ["cycles-low"], "c": ["cycles-low"]})
    assert len(watch.sent) == 1
    (message,) = watch.minutes(1, {"a": ["stopped"], "b": ["cycles-low"], "c": ["cycles-low"]})
    assert told([message]) == [("b", "cycles-low", "firing"), ("c", "cycles-low", "firing")]
    assert message.text == "1 more alert is still firing."


@pytest.mark.parametrize(("rule", "every"), [("stopped", 4 * HOUR), ("cycles-low", DAY)])
def test_what_still_fires_is_repeated(rule: Rule, every: int) -> None:
    watch = Watch()
    watch.step({"a": [rule]})
    watch.minutes(2 * every // MINUTE + 5, {"a": [rule]})
    times = [message.created_at_ns for message in watch.sent]
    assert [later - earlier for earlier, later in pairwise(times)] == [every, every]
    assert len({message.key for message in watch.sent}) == 3


def test_repeats_that_are_nearly_due_go_together() -> None:
    watch = Watch()
    watch.step({"a": ["stopped"]})
    watch.minutes(4 * 60 + 10, {"a": ["stopped"], "b": ["stopped"]})
    assert [told([message]) for message in watch.sent] == [
        [("a", "stopped", "firing")],
        [("b", "stopped", "firing")],
        [("a", "stopped", "firing"), ("b", "stopped", "firing")],
    ]


def test_getting_worse_is_told_at_once_and_getting_better_is_not() -> None:
    watch = Watch()
    warning, critical = {"a": [finding("cycles-low")]}, {"a": [finding("cycles-low", "critical")]}
    watch.minutes(3, warning)
    assert [note.level for note in notes(watch.minutes(1, critical))] == ["critical"]
    assert watch.minutes(10, warning) == []
    assert watch.alert("a", "cycles-low").level == "warning"  # type: ignore[union-attr]
    assert watch.minutes(10, critical) == []


def test_a_long_message_shows_twenty_alerts_and_counts_the_rest() -> None:
    subjects = tuple(f"s{number:02}" for number in range(50))
    watch = Watch(subjects)
    watch.step({subject: ["stopped"] for subject in subjects})
    (message,) = watch.sent
    assert (len(message.alerts), message.left_out) == (20, 30)
    assert message.title.startswith("[ic] 50 critical: s00-name (stopped), ")
    assert watch.minutes(60, {subject: ["stopped"] for subject in subjects}) == []


def test_the_worst_comes_first() -> None:
    watch = Watch(config=AlertsConfig(wait_seconds=0))
    watch.step({"a": ["cycles-low"], "b": ["unreachable"], "c": ["frozen"]})
    assert [note.subject for note in notes(watch.sent)] == ["c", "a"]


def test_groups_have_messages_of_their_own() -> None:
    watch = Watch(groups={"a": "one", "b": "two"})
    watch.step({"a": ["stopped"], "b": ["stopped"], "c": ["stopped"]})
    assert [message.group_key for message in watch.sent] == ["ic", "ic/one", "ic/two"]


def test_a_network_that_is_gone_is_one_alert() -> None:
    watch = Watch()
    gone: dict[str, list[Rule]] = {subject: ["unreachable", "stale"] for subject in watch.subjects}
    watch.minutes(30, gone)
    assert told(watch.sent) == [("watch", "unreachable", "firing")]
    watch.minutes(30)
    assert told(watch.sent)[1:] == [("watch", "unreachable", "resolved")]


def test_a_canister_that_stays_away_when_the_network_is_back_is_told() -> None:
    watch = Watch()
    watch.minutes(10, {subject: ["unreachable"] for subject in watch.subjects})
    watch.minutes(30, {"b": ["unreachable"]})
    assert told(watch.sent) == [
        ("watch", "unreachable", "firing"),
        ("b", "unreachable", "firing"),
        ("watch", "unreachable", "resolved"),
    ]


def test_a_network_that_is_gone_does_not_hide_what_was_not_trusted() -> None:
    watch = Watch()
    watch.mute(silence("a"))
    watch.step({"a": ["untrusted"]})
    watch.minutes(5, {subject: ["unreachable"] for subject in watch.subjects})
    watch.unmute(1)
    watch.minutes(10, {subject: ["unreachable"] for subject in watch.subjects})
    assert ("a", "untrusted", "firing") in told(watch.sent)


def test_one_canister_alone_is_no_network() -> None:
    watch = Watch(("a", "payer:main"))
    watch.minutes(10, {"a": ["unreachable"]})
    assert told(watch.sent) == [("a", "unreachable", "firing")]


@pytest.mark.parametrize(
    ("cause", "others"),
    [
        ("frozen", ["cycles-low", "runway-short"]),
        ("deleted", ["emptied", "stopped", "frozen"]),
        ("emptied", ["no-code", "frozen", "cycles-low"]),
        ("unreachable", ["stale"]),
    ],
)
def test_a_cause_hides_its_consequences(cause: Rule, others: list[Rule]) -> None:
    watch = Watch()
    watch.minutes(30, {"a": [cause, *others]})
    assert told(watch.sent) == [("a", cause, "firing")]


def test_a_consequence_that_outlives_its_cause_is_told() -> None:
    watch = Watch()
    watch.minutes(10, {"a": ["frozen", "cycles-low"]})
    watch.minutes(10, {"a": ["cycles-low"]})
    assert ("a", "cycles-low", "firing") in told(watch.sent)


def test_what_is_acknowledged_is_not_repeated_until_that_ends() -> None:
    watch = Watch()
    watch.step({"a": ["stopped"]})
    watch.mute(ack("a", "stopped", "critical", until_ns=START + 10 * HOUR))
    assert watch.minutes(10 * 60 - 1, {"a": ["stopped"]}) == []
    assert told(watch.minutes(1, {"a": ["stopped"]})) == [("a", "stopped", "firing")]


def test_what_is_acknowledged_is_told_when_it_gets_worse_and_when_it_is_over() -> None:
    watch = Watch()
    watch.minutes(3, LOW)
    watch.mute(ack("a", "cycles-low", "warning"))
    worse = watch.minutes(2, {"a": [finding("cycles-low", "critical")]})
    assert [note.level for note in notes(worse)] == ["critical"]
    assert told(watch.minutes(10)) == [("a", "cycles-low", "resolved")]


@pytest.mark.parametrize(("subject", "rule"), [("*", "*"), ("a", "stop*"), ("a-name", "stopped"), ("a*", "*")])
def test_a_silence_holds_messages_back_and_its_end_lets_them_out(subject: str, rule: str) -> None:
    watch = Watch()
    watch.mute(silence(subject, rule, until_ns=START + 6 * HOUR))
    changes = watch.step({"a": ["stopped"]})
    assert changes.next_due_ns == START + 6 * HOUR
    assert watch.minutes(6 * 60 - 1, {"a": ["stopped"]}) == []
    assert watch.state("a", "stopped") == "firing"
    assert told(watch.minutes(1, {"a": ["stopped"]})) == [("a", "stopped", "firing")]


def test_what_was_told_before_a_silence_is_told_again_after_it() -> None:
    watch = Watch()
    watch.step({"a": ["stopped"]})
    watch.mute(silence("a"))
    assert watch.minutes(10, {"a": ["stopped"]}) == []
    watch.unmute(1)
    assert told(watch.minutes(1, {"a": ["stopped"]})) == [("a", "stopped", "firing")]


def test_what_ended_during_a_silence_is_told_to_whom_heard_of_it() -> None:
    watch = Watch()
    watch.step({"a": ["stopped"]})
    watch.mute(silence("*"))
    assert watch.minutes(60, {"b": ["frozen"]}) == []
    watch.unmute(1)
    assert ("a", "stopped", "resolved") in told(watch.minutes(2, {"b": ["frozen"]}))


def test_a_silence_of_others_changes_nothing() -> None:
    watch = Watch()
    watch.mute(silence("b"))
    watch.step({"a": ["stopped"], "b": ["stopped"]})
    assert told(watch.sent) == [("a", "stopped", "firing")]


def test_the_same_step_made_again_makes_the_same_message() -> None:
    first, again = Watch(), Watch()
    first.step({"a": ["stopped"]})
    again.step({"a": ["stopped"]})
    assert first.sent == again.sent


def test_the_same_happening_at_the_same_wall_time_is_another_message() -> None:
    watch = Watch()
    watch.step({"a": ["stopped"]})
    watch.minutes(minutes := 40)
    watch.now_ns -= minutes * MINUTE
    watch.step({"a": ["stopped"]})
    firing = [message for message in watch.sent if message.status == "firing"]
    assert len({message.key for message in firing}) == 2


def test_the_past_is_told_in_a_few_lines() -> None:
    watch = Watch()
    events = [*watch.step({"a": ["stopped"]}).events]
    for _ in range(7):
        events += watch.step(after=MINUTE).events
    assert [(event.state, event.text) for event in events] == [
        ("firing", "stopped: as a test says"),
        ("resolved", "after 6 m"),
    ]


def test_every_rule_says_what_to_do_in_words_that_can_be_pasted() -> None:
    for rule in get_args(Rule):
        words = shlex.split(alert_words.action(rule, "id; rm", "my canister; rm"))
        assert words[0] in ("quri-console", "icp")
        assert "my" not in words
        assert words[-1] != "rm"
    assert alert_words.action("frozen", "aaaaa-aa", "rune") == "quri-console topup rune 2T"
    assert alert_words.action("stopped", "aaaaa-aa", "rune") == "quri-console start rune"
    assert alert_words.action("unreachable", "aaaaa-aa", "rune") == "quri-console doctor"


def test_a_line_says_what_since_when_how_much_and_what_to_do() -> None:
    watch = Watch()
    watch.step({"a": [finding("frozen", value="5 B")]})
    (note,) = notes(watch.sent)
    assert alert_words.line(note, START + 2 * HOUR) == (
        "a-name: frozen: as a test says · since 2025-06-15 15:06 UTC (2 h) · 5 B · quri-console topup a-name 2T"
    )
    watch.minutes(7)
    (over,) = notes(watch.sent[1:])
    assert alert_words.line(over, watch.now_ns) == "a-name: over after 6 m; it was: frozen: as a test says · 5 B"
