"""Makes a report out of facts; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from quri_console import __version__
from quri_console.monitor.fleet import CanisterView
from quri_console.report.alerted import alert_rows, silence_rows
from quri_console.report.audited import operation_rows
from quri_console.report.backed_up import backup_rows, failed_backups
from quri_console.report.covered import access_rows, retention_rows, uncovered_rows
from quri_console.report.drilled import drill_rows
from quri_console.report.evidence import deletion_rows, rehearsal_rows, verification_rows
from quri_console.report.facts import Facts
from quri_console.report.model import AuditRow, CanisterRow, Report, ReportKind
from quri_console.report.scheduled import schedule_remarks, schedule_rows
from quri_console.report.times import moment

TOOL = f"quri-console {__version__}"


def make_report(facts: Facts, kind: ReportKind) -> Report:
    """The report of that kind about those facts."""
    report = Report(
        kind=kind,
        network=facts.network,
        production=facts.production,
        since=moment(facts.since_ns),
        until=moment(facts.until_ns),
        tool=TOOL,
        repository=str(facts.config.repository.path),
        encrypted=None if facts.backups is None else facts.encrypted,
        fleet=tuple(_canister(facts, view) for view in facts.fleet.canisters),
        backups=backup_rows(facts),
        failed_backups=failed_backups(facts),
        verifications=verification_rows(facts),
        rehearsals=rehearsal_rows(facts),
        drills=drill_rows(facts),
        schedules=schedule_rows(facts),
        operations=operation_rows(facts),
        alerts=alert_rows(facts),
        silences=silence_rows(facts),
        retention=retention_rows(facts),
        deletions=deletion_rows(facts),
        access=access_rows(facts),
        uncovered=uncovered_rows(facts),
        audit=_audit(facts),
    )
    return replace(report, remarks=tuple(_remarks(report)), gaps=tuple(_gaps(facts, report)))


def _canister(facts: Facts, view: CanisterView) -> CanisterRow:
    events = facts.events.get(view.canister_id, ())
    given = [event.cycles or 0 for event in events if event.kind == "topped-up" and event.at_ns <= facts.until_ns]
    return CanisterRow(
        name=view.name,
        canister_id=view.canister_id,
        criticality=view.criticality,
        level=view.health.level,
        reasons=view.health.reasons,
        status=view.status,
        cycles=view.cycles,
        burn_per_day=None if view.burn_per_day is None else round(view.burn_per_day),
        runway_seconds=None if view.runway_seconds is None else float(round(view.runway_seconds)),
        memory_bytes=view.memory_bytes,
        seen_at=None if view.sampled_at_ns is None else moment(view.sampled_at_ns),
        burnt=facts.burnt.get(view.canister_id),
        top_ups=len(given),
        topped_up=sum(given),
    )


def _audit(facts: Facts) -> AuditRow | None:
    check = facts.audit
    if check is None:
        return None
    fault = "" if check.fault is None else check.fault.words
    torn = check.torn_before + bool(check.torn_bytes)
    return AuditRow(check.whole, check.events, check.segments, check.head.seq, check.head.hash, fault, torn)


def _remarks(report: Report) -> Iterator[str]:
    """What a reader in a hurry must know, worst first."""
    if report.audit is not None and not report.audit.whole:
        yield f"The audit log is not what was written: {report.audit.fault}"
    counts = {level: sum(row.level == level for row in report.fleet) for level in ("critical", "warning", "unknown")}
    told = [f"{count} {level}" for level, count in counts.items() if count]
    fine = sum(row.level == "ok" for row in report.fleet)
    yield f"Canisters: {', '.join([*told, f'{fine} well'])}, of {len(report.fleet)}."
    late = [row.name for row in report.backups if row.verdict == "late"]
    if late:
        yield f"Backups came late for {', '.join(late)}."
    yield from schedule_remarks(report.schedules)
    if report.uncovered:
        yield f"Not covered by any backup or not watched: {', '.join(row.name for row in report.uncovered)}."
    damaged = {row.backup for row in report.verifications if not row.whole}
    if damaged:
        yield f"Backups found damaged: {', '.join(sorted(damaged))}."
    failed = {row.backup for row in report.rehearsals if row.verdict == "failed"}
    if failed:
        yield f"Rehearsals failed: {', '.join(sorted(failed))}."
    unsolved = {row.drill for row in report.drills if not row.recovered}
    if unsolved:
        yield f"Drills that ended with something still wrong: {', '.join(sorted(unsolved))}."
    silent = sum(row.acknowledged_at is None and row.level == "critical" for row in report.alerts)
    if silent:
        yield f"Critical alerts that nobody acknowledged: {silent}."


def _gaps(facts: Facts, report: Report) -> Iterator[str]:
    yield from facts.problems
    if not facts.burnt and not any(row.seen_at for row in report.fleet):
        yield "The history has no samples of this network: nothing is known of health and burn."
    elif not facts.burnt:
        yield "The history has no whole hour of this period: nothing is known of what was burnt."
    if facts.backups is None:
        yield "There is no repository yet."
    elif not any(row.taken for row in report.backups):
        yield "No backup was taken in this period."
    if facts.backups and not report.verifications:
        yield "No backup was read again in this period."
    if facts.backups and not report.rehearsals:
        yield "No backup was rehearsed in this period."
    if not report.drills and report.kind != "daily":
        yield "No drill was played in this period."
    if not report.operations:
        yield "The audit log has no operation in this period."
