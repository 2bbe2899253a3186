"""The tables of schedules: how each went, and what did not go as planned."""

from __future__ import annotations

from collections.abc import Iterator

from quri_console.report.cells import UNKNOWN, Section, time_cell
from quri_console.report.model import Report
from quri_console.report.schedule_rows import ScheduleRow, ScheduleTrouble

_LEVELS = {"failed": "critical", "interrupted": "critical", "not begun": "critical"}


def schedules_section(report: Report) -> Section:
    """A row for each schedule."""
    rows = tuple(_row(row) for row in report.schedules)
    headings = (
        "Schedule",
        "Job",
        "Cron (UTC)",
        "Planned",
        "Run",
        "Failed",
        "Skipped",
        "Late",
        "Not begun",
        "By hand",
        "Last run (UTC)",
        "Its outcome",
    )
    levels = tuple(row.level for row in report.schedules)
    return Section("schedules", "Schedules", headings, rows, "No schedule is configured.", levels)


def _row(row: ScheduleRow) -> tuple[str, ...]:
    words = {"off": "off", "gone": "no more configured"}
    counts = (row.run, row.failed, row.skipped, row.late, row.not_begun, row.by_hand)
    return (
        row.name,
        row.job or UNKNOWN,
        row.cron if row.state == "on" else words[row.state],
        UNKNOWN if row.planned is None else str(row.planned),
        *map(str, counts),
        time_cell(row.last_at),
        row.last_outcome or "never run",
    )


def troubles_section(report: Report) -> Section:
    """A row for each run, or row of runs, that failed, was skipped, came late or never."""
    found = list(_troubles(report))
    rows = tuple(
        (
            time_cell(trouble.slot),
            time_cell(trouble.last_slot) if trouble.times > 1 else "",
            name,
            trouble.what,
            str(trouble.times),
            trouble.why,
        )
        for name, trouble in found
    )
    headings = ("Slot (UTC)", "Up to (UTC)", "Schedule", "What", "Times", "Why")
    levels = tuple(_LEVELS.get(trouble.what, "warning") for _, trouble in found)
    title = "Scheduled runs that failed, were skipped, late or not begun"
    return Section("schedule-troubles", title, headings, rows, "None.", levels)


def _troubles(report: Report) -> Iterator[tuple[str, ScheduleTrouble]]:
    yield from sorted(
        ((row.name, trouble) for row in report.schedules for trouble in row.troubles),
        key=lambda item: (item[1].slot, item[0]),
    )
