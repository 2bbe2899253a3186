"""One word per canister for all of its alerts."""

from __future__ import annotations

import pytest

from quri_console.history.alerts import AlertRow, Mute
from quri_console.monitor.alert_marks import alert_marks
from tests.support.fleets import NOW_NS, RUNE, SECOND

NAMES = {RUNE: "rune-engine"}


def alert(state: str = "firing", level: str = "warning", rule: str = "cycles-low") -> AlertRow:
    return AlertRow(RUNE, rule, state, level, NOW_NS, "{}")


def ack(level: str = "warning", until_ns: int | None = None, rule: str = "cycles-low") -> Mute:
    return Mute(1, RUNE, rule, "ack", level, "eva", "", NOW_NS, until_ns)


def silence(subject: str = "rune-*", rule: str = "*", until_ns: int | None = None) -> Mute:
    return Mute(2, subject, rule, "silence", "", "eva", "", NOW_NS, until_ns)


@pytest.mark.parametrize(
    ("alerts", "mutes", "mark"),
    [
        ([alert()], [], "firing"),
        ([alert("resolving")], [], "firing"),
        ([alert("pending")], [], "pending"),
        ([alert("resolved")], [], None),
        ([alert()], [ack()], "acked"),
        ([alert()], [ack(until_ns=NOW_NS - SECOND)], "firing"),
        ([alert(level="critical")], [ack()], "firing"),
        ([alert()], [ack(level="critical")], "acked"),
        ([alert()], [ack(level="")], "acked"),
        ([alert()], [ack(rule="frozen")], "firing"),
        ([alert()], [silence()], "silenced"),
        ([alert()], [silence(subject=RUNE, rule="cycles-*")], "silenced"),
        ([alert()], [silence(until_ns=NOW_NS)], "firing"),
        ([alert()], [silence(), ack()], "acked"),
        ([alert("pending", rule="stale"), alert()], [silence()], "silenced"),
        ([alert(), alert(rule="frozen")], [ack()], "firing"),
    ],
)
def test_the_most_urgent_word_is_the_one(alerts: list[AlertRow], mutes: list[Mute], mark: str | None) -> None:
    assert alert_marks(alerts, mutes, NAMES, NOW_NS).get(RUNE) == mark
