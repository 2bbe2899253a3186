"""A report as tables of texts, which every form but JSON shows."""

from __future__ import annotations

from collections.abc import Callable

from quri_console.report.cells import UNKNOWN, Section, about, cycles_cell, exact_cell, span_cell, time_cell
from quri_console.report.model import Report, ReportKind
from quri_console.report.schedule_tables import schedules_section, troubles_section
from quri_console.units import format_bytes, format_cycles


def sections(report: Report) -> tuple[Section, ...]:
    """The sections that a report of this kind has, in their order."""
    return tuple(_MAKERS[key](report) for key in SECTIONS[report.kind])


def _fleet(report: Report) -> Section:
    rows = [
        (
            row.name,
            row.level,
            row.status or UNKNOWN,
            cycles_cell(row.cycles),
            about(cycles_cell(row.burn_per_day)),
            cycles_cell(row.burnt),
            _top_ups(row.top_ups, row.topped_up),
            about(span_cell(row.runway_seconds)),
            UNKNOWN if row.memory_bytes is None else format_bytes(row.memory_bytes),
            time_cell(row.seen_at),
            "; ".join(row.reasons),
        )
        for row in report.fleet
    ]
    headings = (
        "Canister",
        "Health",
        "Status",
        "Cycles",
        "Burn/day",
        "Burnt",
        "Top-ups",
        "Runway",
        "Memory",
        "Seen (UTC)",
        "Why",
    )
    levels = tuple(row.level for row in report.fleet)
    return Section("fleet", "Health and burn", headings, tuple(rows), "No canister is configured.", levels)


def _top_ups(count: int, cycles: int) -> str:
    return f"{count}, {format_cycles(cycles)} in all" if count else "none"


def _backups(report: Report) -> Section:
    rows = [
        (
            row.name,
            row.verdict,
            span_cell(row.allowed_seconds),
            str(row.taken),
            str(row.failed),
            str(row.late),
            span_cell(row.gap_p50_seconds),
            span_cell(row.gap_p95_seconds),
            span_cell(row.gap_max_seconds),
            time_cell(row.newest_at),
            span_cell(row.age_seconds),
        )
        for row in report.backups
    ]
    headings = (
        "Canister",
        "Policy",
        "Allowed gap",
        "Taken",
        "Failed",
        "Late",
        "Gap p50",
        "Gap p95",
        "Gap max",
        "Newest (UTC)",
        "Its age",
    )
    words = {"kept": "ok", "late": "warning", "none": "critical"}
    levels = tuple(words.get(row.verdict, "") for row in report.backups)
    return Section("backups", "Backups against policy", headings, tuple(rows), "No canister is configured.", levels)


def _failed(report: Report) -> Section:
    rows = tuple((time_cell(row.at), row.name, row.backup or "none", row.why) for row in report.failed_backups)
    headings = ("Time (UTC)", "Canister", "Backup", "Why")
    return Section("failed-backups", "Backups that failed", headings, rows, "None failed.", ("warning",) * len(rows))


def _verifications(report: Report) -> Section:
    rows = tuple(
        (
            time_cell(row.at),
            row.backup,
            "whole" if row.whole else "damaged",
            row.scope,
            ", ".join(row.damaged),
            row.tool,
        )
        for row in report.verifications
    )
    headings = ("Time (UTC)", "Backup", "Found", "Scope", "Damaged", "By")
    levels = tuple("ok" if row.whole else "critical" for row in report.verifications)
    return Section("verifications", "Verifications", headings, rows, "No backup was read again.", levels)


def _rehearsals(report: Report) -> Section:
    rows = tuple(
        (time_cell(row.at), row.backup, row.name, row.verdict, exact_cell(row.seconds), row.reason, row.tool)
        for row in report.rehearsals
    )
    headings = ("Time (UTC)", "Backup", "Canister", "Verdict", "Took", "Why", "By")
    words = {"passed": "ok", "failed": "critical"}
    levels = tuple(words.get(row.verdict, "warning") for row in report.rehearsals)
    return Section("rehearsals", "Rehearsals", headings, rows, "No backup was rehearsed.", levels)


def _after(seconds: float | None) -> str:
    return "not" if seconds is None else f"after {exact_cell(seconds)}"


def _drills(report: Report) -> Section:
    rows = tuple(
        (
            time_cell(row.at),
            row.drill,
            f"{row.by}, {row.mode}",
            _after(row.seconds_to_detect) + (f", by {row.detected_by}" if row.detected_by else ""),
            _after(row.seconds_to_acknowledge),
            _after(row.seconds_to_recover),
            span_cell(row.limit_seconds) + (" (old runbook)" if row.limit_of == "seed" else ""),
            UNKNOWN if row.lost is None else f"{row.lost} of {row.written}",
            "; ".join((*row.unmet, *row.wrong_turns)),
        )
        for row in report.drills
    )
    headings = (
        "Time (UTC)",
        "Drill",
        "By",
        "Noticed",
        "Acknowledged",
        "Recovered",
        "Limit",
        "Entries lost",
        "Still wrong, wrong turns",
    )
    levels = tuple("ok" if row.in_time else "warning" if row.recovered else "critical" for row in report.drills)
    return Section("drills", "Drills", headings, rows, "No drill was played.", levels)


def _operations(report: Report) -> Section:
    rows = tuple(
        (
            time_cell(row.at),
            row.operation,
            row.kind,
            row.target,
            row.by,
            row.reason,
            row.result,
            exact_cell(row.seconds),
        )
        for row in report.operations
    )
    headings = ("Time (UTC)", "Operation", "What", "Of", "By", "Reason", "Result", "Took")
    levels = tuple("" if row.result.startswith("ok") or not row.result else "warning" for row in report.operations)
    return Section("operations", "Operations and refusals", headings, rows, "Nothing was done.", levels)


def _alerts(report: Report) -> Section:
    rows = tuple(
        (
            time_cell(row.fired_at),
            row.subject,
            row.rule,
            row.level,
            "not" if row.acknowledged_at is None else f"after {span_cell(row.seconds_to_acknowledge)}",
            row.acknowledged_by,
            "goes on" if row.ended_at is None else f"after {span_cell(row.seconds)}",
            row.text,
        )
        for row in report.alerts
    )
    headings = ("Fired (UTC)", "About", "Rule", "Level", "Acknowledged", "By", "Over", "What")
    return Section("alerts", "Alerts", headings, rows, "None fired.", tuple(row.level for row in report.alerts))


def _silences(report: Report) -> Section:
    rows = tuple(
        (
            time_cell(row.at),
            "taken back" if row.until is None else time_cell(row.until),
            row.subject,
            row.rule,
            row.by,
            row.note,
        )
        for row in report.silences
    )
    headings = ("From (UTC)", "Until (UTC)", "About", "Rule", "By", "Why")
    return Section("silences", "Silences", headings, rows, "None.")


def _retention(report: Report) -> Section:
    rows = tuple((row.criticality, str(row.canisters), ", ".join(row.rules)) for row in report.retention)
    return Section("retention", "Retention policy", ("Criticality", "Canisters", "Keeps"), rows, "None.")


def _deletions(report: Report) -> Section:
    rows = tuple((time_cell(row.at), row.what, row.backup, row.by, row.reason) for row in report.deletions)
    headings = ("Time (UTC)", "What", "Backup", "By", "Why")
    return Section("deletions", "Backups forgotten, deleted, pinned, held", headings, rows, "None.")


def _access(report: Report) -> Section:
    rows = tuple((time_cell(row.at), row.name, ", ".join(row.added), ", ".join(row.removed)) for row in report.access)
    headings = ("Seen (UTC)", "Canister", "Controllers added", "Controllers removed")
    return Section(
        "access", "Access changes", headings, rows, "No controller was seen to change.", ("warning",) * len(rows)
    )


def _uncovered(report: Report) -> Section:
    rows = tuple((row.name, row.canister_id, row.why, row.next_step) for row in report.uncovered)
    headings = ("Canister", "Id", "Why", "Next")
    empty = "Every known canister is configured and has a backup."
    return Section("uncovered", "Uncovered canisters", headings, rows, empty, ("warning",) * len(rows))


def _audit(report: Report) -> Section:
    found = report.audit
    headings = ("Check", "Events", "Files", "Newest event", "Its hash", "First fault")
    if found is None:
        return Section("audit", "Audit log", headings, (), "The audit log could not be read.")
    word = "whole" if found.whole else "CHANGED"
    row = (
        word,
        str(found.events),
        str(found.segments),
        str(found.head_sequence),
        found.head_hash,
        found.fault or "none",
    )
    return Section("audit", "Audit log", headings, (row,), "", ("ok" if found.whole else "critical",))


_MAKERS: dict[str, Callable[[Report], Section]] = {
    "fleet": _fleet,
    "backups": _backups,
    "failed-backups": _failed,
    "uncovered": _uncovered,
    "verifications": _verifications,
    "rehearsals": _rehearsals,
    "drills": _drills,
    "schedules": schedules_section,
    "schedule-troubles": troubles_section,
    "alerts": _alerts,
    "silences": _silences,
    "operations": _operations,
    "retention": _retention,
    "deletions": _deletions,
    "access": _access,
    "audit": _audit,
}
_NOT_DAILY = ("verifications", "rehearsals", "silences", "retention", "deletions")
_DAILY = tuple(key for key in _MAKERS if key not in _NOT_DAILY)
_WEEKLY = tuple(key for key in _MAKERS if key != "retention")
SECTIONS: dict[ReportKind, tuple[str, ...]] = {"daily": _DAILY, "weekly": _WEEKLY, "compliance": tuple(_MAKERS)}
"""What each kind shows; its JSON has everything."""
