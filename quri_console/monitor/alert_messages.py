"""The messages of one step: for each group whose time has come one, and when the next is due. Pure."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from quri_console.monitor import alert_words
from quri_console.monitor.alert_book import AlertKey
from quri_console.monitor.alert_groups import (
    News,
    Pace,
    Restraint,
    flush_due_ns,
    news_of,
    repeat_due_ns,
    told,
    with_news,
)
from quri_console.monitor.alert_state import Alert, Moment
from quri_console.monitor.notification import Notification


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose messages these are, how they are paced, what subjects are called and which group they belong to."""

    network: str
    pace: Pace
    runbook_url: str
    names: Mapping[str, str]
    groups: Mapping[str, str]

    def group_key(self, subject: str) -> str:
        """The group that alerts of `subject` are sent with."""
        group = self.groups.get(subject, "")
        return f"{self.network}/{group}" if group else self.network


@dataclass(frozen=True, slots=True)
class Composed:
    """What was told by what messages; `due_ns` is when the next is due on the steady clock, None for never."""

    alerts: Mapping[AlertKey, Alert]
    flushed: Mapping[str, int]
    notifications: tuple[Notification, ...]
    due_ns: int | None


def compose(
    sender: Sender,
    alerts: Mapping[AlertKey, Alert],
    restraints: Mapping[AlertKey, Restraint],
    flushed: Mapping[str, int],
    moment: Moment,
    step: int,
) -> Composed:
    """The messages that are due. `flushed` is when each group was last sent; `step` makes keys differ for ever."""
    groups: dict[str, list[AlertKey]] = defaultdict(list)
    for key in sorted(alerts):
        groups[sender.group_key(key[0])].append(key)
    after: dict[AlertKey, Alert] = {}
    kept: dict[str, int] = {}
    messages: list[Notification] = []
    dues: list[int] = []
    for group_key, keys in sorted(groups.items()):
        members = [_Member.of(alerts[key], restraints[key], moment, sender.pace) for key in keys]
        at_ns = flushed.get(group_key)
        due = _due(members, at_ns, sender.pace)
        if due is not None and due <= moment.steady_ns:
            messages.append(_message(sender, group_key, members, moment, step))
            members = [_told(member, restraints, moment, sender.pace) for member in members]
            at_ns, due = moment.steady_ns, _due(members, moment.steady_ns, sender.pace)
        after |= {(member.alert.subject, member.alert.rule): member.alert for member in members}
        dues += [due] if due is not None else []
        # with nothing told there is nothing to add to: the next alert begins a new round of messages
        if at_ns is not None and any(member.alert.told is not None for member in members):
            kept[group_key] = at_ns
    return Composed({key: after[key] for key in sorted(after)}, kept, tuple(messages), min(dues, default=None))


@dataclass(frozen=True, slots=True)
class _Member:
    """One alert of a group, what is new of it, and when it is to be repeated."""

    alert: Alert
    news: News | None
    repeat_ns: int | None
    in_message: bool
    """Whether a message of now would tell it."""

    @classmethod
    def of(cls, alert: Alert, restraint: Restraint, moment: Moment, pace: Pace) -> _Member:
        news = news_of(alert, restraint, moment.now_ns)
        alert = with_news(alert, news, restraint, moment.steady_ns)
        repeat = repeat_due_ns(alert, restraint, pace, moment.now_ns)
        soon = repeat is not None and repeat - pace.early_ns(alert.level) <= moment.steady_ns
        return cls(alert, news, repeat, news is not None or soon)


def _told(member: _Member, restraints: Mapping[AlertKey, Restraint], moment: Moment, pace: Pace) -> _Member:
    if not member.in_message:
        return member
    alert = told(member.alert, moment.steady_ns)
    return _Member.of(alert, restraints[alert.subject, alert.rule], moment, pace)


def _due(members: Sequence[_Member], flushed_ns: int | None, pace: Pace) -> int | None:
    repeats = [member.repeat_ns for member in members if member.repeat_ns is not None]
    return flush_due_ns([(member.alert, member.news) for member in members], flushed_ns, repeats, pace)


def _message(sender: Sender, group_key: str, members: Iterable[_Member], moment: Moment, step: int) -> Notification:
    telling = [member.alert for member in members if member.in_message]
    silent = [member.alert for member in members if not member.in_message]
    notes = sorted(
        (
            alert_words.note(a, sender.network, sender.names.get(a.subject, a.subject), sender.runbook_url)
            for a in telling
        ),
        key=alert_words.order,
    )
    return Notification(
        key=_key(sender.network, group_key, telling, step),
        group_key=group_key,
        status="firing" if notes[0].status == "firing" else "resolved",
        title=alert_words.title(sender.network, notes),
        created_at_ns=moment.now_ns,
        alerts=tuple(notes[: alert_words.MAX_LINES]),
        left_out=max(0, len(notes) - alert_words.MAX_LINES),
        text=alert_words.still_firing(sum(a.state == "firing" and a.told is not None for a in silent)),
    )


def _key(network: str, group_key: str, telling: Iterable[Alert], step: int) -> str:
    """The same when the same step is made again, as after a crash before it was kept; else never the same."""
    parts = [network, group_key, str(step)]
    for alert in telling:
        mark = alert_words.fingerprint(network, alert.subject, alert.rule)
        parts += [mark, alert.state, alert.level, str(alert.since_ns)]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
