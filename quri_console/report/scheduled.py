"""What ran by itself in the period: as planned, late, not at all, or to no good end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from quri_console.history.schedule_runs import ScheduleRun
from quri_console.history.schedule_views import SchedulePast
from quri_console.report.facts import Facts
from quri_console.report.schedule_rows import ScheduleRow, ScheduleTrouble
from quri_console.report.times import moment, seconds_between
from quri_console.units import format_duration

_FAILED = ("failed", "interrupted")
_Noted = tuple[int, str, str]
"""A slot, what became of it, and why."""


def schedule_rows(facts: Facts) -> tuple[ScheduleRow, ...]:
    """Every schedule that is configured or was run."""
    return tuple(_row(past, facts.since_ns, facts.until_ns) for past in facts.schedules)


def _row(past: SchedulePast, since_ns: int, until_ns: int) -> ScheduleRow:
    slots = past.slots_ns or ()
    ended = [run for run in past.runs if run.ended_ns is not None and since_ns < run.ended_ns <= until_ns]
    failed = [run for run in ended if run.outcome in _FAILED]
    skipped = [run for run in ended if run.outcome == "skipped"]
    late = [run for run in past.runs if since_ns < run.at_ns <= until_ns and _is_late(past, run)]
    taken = {run.slot_ns for run in past.runs}
    missing = [slot for slot in slots if slot not in taken and since_ns < slot + past.slack_ns <= until_ns]
    return ScheduleRow(
        name=past.name,
        job=past.job,
        cron=past.cron,
        state=past.state,
        planned=None if past.slots_ns is None else sum(since_ns < slot <= until_ns for slot in slots),
        run=len(ended) - len(skipped),
        failed=len(failed),
        skipped=len(skipped),
        late=len(late),
        not_begun=len(missing),
        by_hand=sum(run.origin == "command" for run in ended),
        last_at=None if past.last is None else moment(past.last.at_ns),
        last_outcome="" if past.last is None else past.last.outcome,
        level=_level(past, missing, troubled=bool(failed or skipped or late)),
        troubles=_troubles(
            *((run.slot_ns, run.outcome, run.note) for run in (*failed, *skipped)),
            *((run.slot_ns, "late", _lateness(run)) for run in late),
            *((slot, "not begun", "nobody began it") for slot in missing),
        ),
    )


def _is_late(past: SchedulePast, run: ScheduleRun) -> bool:
    """Whether a run began later than it may; one that is tried again was begun before."""
    if past.state == "gone" or run.outcome == "skipped" or run.attempt > 1:
        return False
    return run.at_ns > run.slot_ns + past.slack_ns


def _lateness(run: ScheduleRun) -> str:
    return f"begun {format_duration(seconds_between(run.slot_ns, run.at_ns))} after its time"


def _level(past: SchedulePast, missing: Sequence[int], *, troubled: bool) -> str:
    if past.state == "on" and past.slots_ns is None:
        return "unknown"
    newest_ns = 0 if past.last is None else past.last.slot_ns
    if past.last is not None and past.last.outcome in _FAILED:
        return "critical"
    if missing and missing[-1] > newest_ns:
        return "critical"
    if missing or troubled:
        return "warning"
    return "ok" if past.state == "on" else ""


def _troubles(*noted: _Noted) -> tuple[ScheduleTrouble, ...]:
    """In the order of their slots; what is the same of several after each other is said once."""
    found: list[list[_Noted]] = []
    for item in sorted(noted):
        if found and found[-1][0][1:] == item[1:]:
            found[-1].append(item)
        else:
            found.append([item])
    return tuple(
        ScheduleTrouble(moment(items[0][0]), moment(items[-1][0]), len(items), items[0][1], items[0][2])
        for items in found
    )


def schedule_remarks(rows: Iterable[ScheduleRow]) -> Iterator[str]:
    """What a reader in a hurry must know of schedules: nothing where all went well."""
    rows = tuple(rows)
    for what, counts in (
        ("failed", {row.name: row.failed for row in rows}),
        ("nobody began", {row.name: row.not_begun for row in rows}),
        ("were skipped", {row.name: row.skipped for row in rows}),
    ):
        told = [f"{name} ({count})" for name, count in counts.items() if count]
        if told:
            yield f"Scheduled runs that {what}: {', '.join(told)}."
    unseen = [row.name for row in rows if row.level == "unknown"]
    if unseen:
        yield f"Schedules that nobody has run or looked at yet: {', '.join(unseen)}."
