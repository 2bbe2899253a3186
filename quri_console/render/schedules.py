"""Schedules as lines and as JSON: what comes next, how it went, why not."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from quri_console.clock import utc_datetime
from quri_console.render.ages import utc_text
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.units import format_cycles, format_duration

if TYPE_CHECKING:
    from quri_console.history.schedule_runs import ScheduleRun
    from quri_console.history.schedule_views import Installation, SchedulesView, ScheduleView

OUTCOME_ROLES = {
    "running": "status-ok",
    "done": "status-ok",
    "skipped": "status-warning",
    "interrupted": "status-critical",
    "failed": "status-critical",
}
HEADINGS = ("SCHEDULE", "JOB", "CRON (UTC)", "NEXT (UTC)", "LAST")


def schedules_lines(view: SchedulesView) -> tuple[Line, ...]:
    """A row for each schedule, below it why it was not or will not be run; then who runs them."""
    if not view.schedules:
        return (
            (Span("No schedule is configured."),),
            (Span("  [schedules] with enabled = true turns the usual ones on.", "muted"),),
        )
    rows = [_row(item) for item in view.schedules]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    lines: list[Line] = [(Span(_aligned(HEADINGS, widths), "heading"),)]
    for item, row in zip(view.schedules, rows, strict=True):
        last = item.runs[0] if item.runs else None
        role = OUTCOME_ROLES.get(last.outcome, "") if last is not None else "muted"
        beginning = _aligned((*row[:-1], ""), widths)
        lines.append((Span(f"{beginning}  "), Span(row[-1], role)))
        if last is not None and last.note and last.outcome != "done":
            lines.append((Span(f"  {last.outcome}: {escape(last.note)}", "muted"),))
        lines += [(Span(f"  not now: {escape(why)}", "status-warning"),) for why in item.obstacles]
    lines += [(), (Span(_who(view), "" if view.runner else "status-warning"),)]
    spent, most = format_cycles(view.spent_cycles), format_cycles(view.most_cycles)
    lines.append((Span(f"Today's runs: {spent or '0'} of at most {most} cycles."),))
    lines += [(Span(escape(remark), "status-warning"),) for remark in view.remarks]
    return tuple(lines)


def _who(view: SchedulesView) -> str:
    if view.runner:
        return f"Run by {escape(view.runner)}."
    if view.in_watch:
        return "Nobody runs them now: is `quri-console watch` running?"
    return "`watch` does not run them (in_watch = false): timers of the system do."


def _row(item: ScheduleView) -> tuple[str, ...]:
    schedule = item.schedule
    when = f"{utc_datetime(item.next_ns[0]):%m-%d %H:%M}" if item.next_ns else "–" if schedule.enabled else "off"
    last = item.runs[0] if item.runs else None
    told = "never" if last is None else f"{last.outcome} {utc_datetime(last.at_ns):%m-%d %H:%M}"
    return escape(schedule.name), schedule.job, schedule.cron, when, told


def _aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
    return padded.rstrip() if cells[-1] else padded[: -(widths[-1] + 2)]


def schedule_lines(item: ScheduleView) -> tuple[Line, ...]:
    """One schedule: what it does, when, and how its last runs went."""
    schedule = item.schedule
    lines: list[Line] = [(Span(f"{escape(schedule.name)}  ", "title"), Span(item.meaning))]
    jitter = f", up to {format_duration(schedule.jitter_seconds)} later" if schedule.jitter_seconds else ""
    lines.append((Span(f"  when      {schedule.cron} (UTC){jitter}"),))
    lines.append((Span(f"  deadline  {format_duration(schedule.deadline_seconds)}"),))
    if item.canisters:
        lines.append((Span(f"  for       {escape(', '.join(item.canisters))}"),))
    if item.most_cycles is not None:
        spent, most = format_cycles(item.spent_cycles) or "0", format_cycles(item.most_cycles)
        lines.append(
            (Span(f"  cycles    at most {most} a day (UTC) for all schedules together; {spent} so far today"),)
        )
    lines += [(Span(f"  runs      quri-console {escape(shlex.join(words))}", "muted"),) for words in item.commands]
    lines += [(Span(f"  next      {utc_text(at_ns)}"),) for at_ns in item.next_ns]
    lines += [(Span(f"  not now   {escape(why)}", "status-warning"),) for why in item.obstacles]
    if not item.runs:
        lines.append((Span("  no run yet", "muted"),))
    for run in item.runs:
        lines.append(run_line(run))
        if run.note:
            lines.append((Span(f"            {escape(run.note)}", "muted"),))
    return tuple(lines)


def run_line(run: ScheduleRun) -> Line:
    """How one run went."""
    took = "" if run.ended_ns is None or run.outcome == "skipped" else f", took {_took(run)}"
    cost = f", {format_cycles(run.cycles)} cycles" if run.cycles else ""
    role = OUTCOME_ROLES.get(run.outcome, "")
    begun = utc_text(run.at_ns)
    return Span(f"  {begun}  "), Span(run.outcome, role), Span(f"{took}{cost} (by {run.origin})")


def _took(run: ScheduleRun) -> str:
    assert run.ended_ns is not None
    return format_duration(max(run.ended_ns - run.at_ns, 0) / 1_000_000_000)


def schedules_json(view: SchedulesView) -> dict[str, Any]:
    """The same as JSON values; times are ISO 8601 in UTC."""
    return {
        "network": view.network,
        "runner": view.runner or None,
        "in_watch": view.in_watch,
        "cycles_today": view.spent_cycles,
        "max_cycles_per_day": view.most_cycles,
        "remarks": list(view.remarks),
        "schedules": [schedule_json(item) for item in view.schedules],
    }


def schedule_json(item: ScheduleView) -> dict[str, Any]:
    """One schedule as JSON values."""
    schedule = item.schedule
    return {
        "name": schedule.name,
        "job": schedule.job,
        "meaning": item.meaning,
        "enabled": schedule.enabled,
        "cron": schedule.cron,
        "jitter_seconds": schedule.jitter_seconds,
        "deadline_seconds": schedule.deadline_seconds,
        "criticality": schedule.criticality,
        "canisters": list(item.canisters),
        "commands": [list(words) for words in item.commands],
        "next": [_iso(at_ns) for at_ns in item.next_ns],
        "not_now": list(item.obstacles),
        "cycles_today": None if item.most_cycles is None else item.spent_cycles,
        "max_cycles_per_day": item.most_cycles,
        "runs": [run_json(run) for run in item.runs],
    }


def run_json(run: ScheduleRun) -> dict[str, Any]:
    """One run as JSON values."""
    return {
        "schedule": run.schedule,
        "slot": _iso(run.slot_ns),
        "attempt": run.attempt,
        "by": run.origin,
        "begun": _iso(run.at_ns),
        "ended": None if run.ended_ns is None else _iso(run.ended_ns),
        "outcome": run.outcome,
        "exit_code": run.exit_code,
        "cycles": run.cycles,
        "note": run.note,
    }


def installation_lines(done: Installation, *, dry_run: bool) -> tuple[Line, ...]:
    """What was written or removed; with `dry_run` the files themselves, whose lines one copies, unbroken."""
    lines: list[Line] = []
    for file in done.files:
        word = f"would be {file.change}" if dry_run else file.change
        role = "status-warning" if file.change == "left alone" else ""
        lines.append((Span(f"{escape(str(file.path))}: {'left alone' if role else word}", role or "title"),))
        if file.why:
            lines.append((Span(f"  {escape(file.why)}", "muted"),))
        if dry_run and file.change == "written":
            lines += [(Span(f"  {escape(line.expandtabs(4))}", "muted"),) for line in file.text.splitlines()]
    if not done.files:
        lines.append((Span("There is nothing of ours."),))
    return tuple(lines)


def installation_notes(done: Installation) -> tuple[Line, ...]:
    """What is to be known of it, as sentences."""
    return tuple((Span(escape(note), "status-warning"),) for note in done.notes)


def installation_steps(done: Installation) -> tuple[Line, ...]:
    """The commands that are left to do; not to be broken either."""
    return tuple((Span(f"Next: {escape(step)}"),) for step in done.next_steps)


def installation_json(done: Installation, *, dry_run: bool) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        "dry_run": dry_run,
        "files": [
            {"path": str(file.path), "change": file.change, "why": file.why, "text": file.text} for file in done.files
        ],
        "notes": list(done.notes),
        "next": list(done.next_steps),
    }


def _iso(at_ns: int) -> str:
    return utc_datetime(at_ns).isoformat()
