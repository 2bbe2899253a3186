"""The repository in two lines: what it holds, and when its backups were made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from quri_console.render.ages import age_seconds, short_duration
from quri_console.render.backup_list import STATE_ROLES
from quri_console.render.backup_policy import NANOSECONDS, NewestAge
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.units import DAY_SECONDS, format_bytes

if TYPE_CHECKING:
    from quri_console.backup.summaries import BackupSummary, RepositorySummary, SetState

SPANS_SECONDS = (DAY_SECONDS, 7 * DAY_SECONDS, 30 * DAY_SECONDS, 90 * DAY_SECONDS, 365 * DAY_SECONDS)
MARKS: dict[SetState, str] = {"whole": "■", "partial": "△", "not consistent": "△", "damaged": "✗"}
FORGOTTEN, NONE, CHOSEN = "□", "·", "◆"
_WORST: tuple[SetState, ...] = ("whole", "not consistent", "partial", "damaged")


def repository_lines(
    repository: RepositorySummary, ages: Iterable[NewestAge], width: int, now_ns: int, chosen: str = ""
) -> tuple[Line, ...]:
    """What is stored and who is overdue, then the time line, on which the `chosen` set is marked."""
    return _facts(repository, tuple(ages), width), _timeline(repository.backups, width, now_ns, chosen)


def _facts(repository: RepositorySummary, ages: Sequence[NewestAge], width: int) -> Line:
    if not repository.exists:
        return (Span("There is no repository yet: the first backup makes it.", "muted"),)
    sets = len(repository.backups)
    encryption = "encrypted" if repository.encrypted else "not encrypted"
    stored = f"{sets} set{'' if sets == 1 else 's'}, {format_bytes(repository.stored_bytes)}, {encryption}. "
    overdue = [age for age in ages if age.overdue]
    if not overdue:
        kept = "No canister needs a backup." if not any(a.allowed.seconds for a in ages) else "No backup is overdue."
        return (Span(stored, "muted"), Span(kept, "status-ok"))
    # as many names as there is room for, and one in any case
    texts = (_named(overdue, count) for count in range(len(overdue), 0, -1))
    named = next((text for text in texts if len(text) + len(stored) <= width), _named(overdue, 1))
    return (Span(named, "status-warning"), Span(stored, "muted"))


def _named(overdue: Sequence[NewestAge], count: int) -> str:
    names = ", ".join(f"{escape(age.allowed.name, limit=40)} ({age.words})" for age in overdue[:count])
    return f"Overdue: {names}{f' +{len(overdue) - count}' if len(overdue) > count else ''}. "


def _timeline(backups: Sequence[BackupSummary], width: int, now_ns: int, chosen: str) -> Line:
    ages = [age_seconds(_taken_ns(backup), now_ns) for backup in backups]
    span = next((seconds for seconds in SPANS_SECONDS if max(ages, default=0.0) <= seconds), SPANS_SECONDS[-1])
    begin, end = f"{short_duration(span)} ago ", " now"
    cells = max(width - len(begin) - len(end), 1)
    slots: list[list[BackupSummary]] = [[] for _ in range(cells)]
    for backup, age in zip(backups, ages, strict=True):
        if age <= span:
            slots[min(int((span - age) * cells / span), cells - 1)].append(backup)
    marks = [_mark(slot, chosen) for slot in slots]
    return (Span(begin, "muted"), *_joined(marks), Span(end, "muted"))


def _taken_ns(backup: BackupSummary) -> int:
    return round(backup.taken_at.timestamp() * NANOSECONDS)


def _mark(slot: Sequence[BackupSummary], chosen: str) -> tuple[str, str]:
    """The worst set of a slice of time, as a sign and its role."""
    if not slot:
        return NONE, "muted"
    worst = max((backup.state for backup in slot), key=_WORST.index)
    if any(backup.name == chosen for backup in slot):
        return CHOSEN, "title" if worst == "whole" else STATE_ROLES[worst]
    if all(backup.forgotten_at is not None for backup in slot):
        return FORGOTTEN, "muted"
    return MARKS[worst], STATE_ROLES[worst]


def _joined(marks: Iterable[tuple[str, str]]) -> Iterator[Span]:
    """Neighbours of one role in one span: each costs a colour sequence."""
    for role, group in groupby(marks, key=lambda mark: mark[1]):
        yield Span("".join(sign for sign, _ in group), role)
