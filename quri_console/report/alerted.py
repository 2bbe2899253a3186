"""Alerts of the period, each from its firing to its end, and how long it took until somebody said that they care."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.history.alerts import AlertEvent, Mute
from quri_console.report.facts import Facts
from quri_console.report.model import AlertRow, SilenceRow
from quri_console.report.times import moment, seconds_between


@dataclass(slots=True)
class _Open:
    """An alert that fires while the events go by."""

    fired: AlertEvent
    level: str
    acknowledged: AlertEvent | None = None
    ended_ns: int | None = None


_ENDS = ("resolved", "gone")


def alert_rows(facts: Facts) -> tuple[AlertRow, ...]:
    """The alerts that fired in the period or fired on into it, oldest first."""
    open_now: dict[tuple[str, str], _Open] = {}
    found: list[_Open] = []
    for event in facts.alerts:
        if event.at_ns > facts.until_ns:
            break
        key = (event.subject, event.rule)
        known = open_now.get(key)
        if event.state == "firing" and known is None:
            open_now[key] = _Open(event, event.level)
            found.append(open_now[key])
        elif known is not None and event.state == "acknowledged":
            known.acknowledged = known.acknowledged or event
        elif known is not None and event.state in _ENDS:
            known.ended_ns = event.at_ns
            del open_now[key]
        elif known is not None and event.level == "critical":
            known.level = event.level
    names = facts.config.canister_names
    return tuple(
        _row(item, names.get(item.fired.subject, item.fired.subject))
        for item in found
        if item.ended_ns is None or item.ended_ns >= facts.since_ns
    )


def _row(item: _Open, subject: str) -> AlertRow:
    fired_ns, acknowledged = item.fired.at_ns, item.acknowledged
    return AlertRow(
        fired_at=moment(fired_ns),
        subject=subject,
        rule=item.fired.rule,
        level=item.level,
        text=item.fired.text,
        acknowledged_at=None if acknowledged is None else moment(acknowledged.at_ns),
        acknowledged_by="" if acknowledged is None else acknowledged.text.removeprefix("by "),
        seconds_to_acknowledge=None if acknowledged is None else seconds_between(fired_ns, acknowledged.at_ns),
        ended_at=None if item.ended_ns is None else moment(item.ended_ns),
        seconds=None if item.ended_ns is None else seconds_between(fired_ns, item.ended_ns),
    )


def silence_rows(facts: Facts) -> tuple[SilenceRow, ...]:
    """The silences that were on in the period."""
    names = facts.config.canister_names
    return tuple(_silence(mute, names.get(mute.subject, mute.subject)) for mute in facts.mutes if _was_on(facts, mute))


def _silence(mute: Mute, subject: str) -> SilenceRow:
    until = None if mute.until_ns is None else moment(mute.until_ns)
    return SilenceRow(moment(mute.from_ns), until, subject, mute.rule, mute.by_whom, mute.note)


def _was_on(facts: Facts, mute: Mute) -> bool:
    ended = mute.until_ns is not None and mute.until_ns < facts.since_ns
    return mute.kind == "silence" and mute.from_ns <= facts.until_ns and not ended
