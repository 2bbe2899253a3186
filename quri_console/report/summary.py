"""A report in a few lines, for people who will not open the file unless they must."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from quri_console.report.cells import time_cell
from quri_console.report.heading import headline
from quri_console.report.model import CanisterRow, Report

MOST_NAMED = 10
"""How many canisters, and how many things that the report cannot tell, are spelt out."""
_WORST_FIRST = ("critical", "warning", "unknown")


@dataclass(frozen=True, slots=True)
class Summary:
    """A message about a report; `key` is the same whenever it is made of the same report. Text is untrusted."""

    key: str
    title: str
    text: str


def summary(report: Report, path: str = "") -> Summary:
    """What the report says first, which canisters are not well and why, and where all of it stands."""
    lines = [*report.remarks, *_unwell(report), *_failures(report), *_schedules(report), *_unknown(report)]
    lines.append(f"All of it: {path}" if path else f"All of it: quri-console report {report.kind}")
    key = f"report:{report.network}:{report.kind}:{report.until:%Y-%m-%dT%H:%M:%SZ}"
    return Summary(key, headline(report), "\n".join(lines))


def _unwell(report: Report) -> Iterator[str]:
    rows = [row for level in _WORST_FIRST for row in report.fleet if row.level == level]
    yield from map(_canister, rows[:MOST_NAMED])
    if len(rows) > MOST_NAMED:
        yield f"- and {len(rows) - MOST_NAMED} more"


def _canister(row: CanisterRow) -> str:
    return f"- {row.level} {row.name}: {'; '.join(row.reasons) or 'no reason is known'}"


def _failures(report: Report) -> Iterator[str]:
    if report.failed_backups:
        newest = max(report.failed_backups, key=lambda row: row.at)
        told = f"the newest at {time_cell(newest.at)} UTC, of {newest.name}: {newest.why}"
        yield f"Backups that failed: {len(report.failed_backups)}, {told}"


def _schedules(report: Report) -> Iterator[str]:
    told = [(trouble.last_slot, row.name, trouble) for row in report.schedules for trouble in row.troubles]
    bad = [item for item in told if item[2].what != "late"]
    if bad:
        at, name, trouble = max(bad, key=lambda item: item[:2])
        told_of = f"{name} of {time_cell(at)} UTC, {trouble.what}: {trouble.why}"
        yield f"The newest scheduled run that failed or was not run: {told_of}"


def _unknown(report: Report) -> Iterator[str]:
    yield from (f"Not known: {text}" for text in report.gaps[:MOST_NAMED])
