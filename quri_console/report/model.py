"""A report as values; its JSON is these classes field by field, and everything else is rendered from them.

Times are aware UTC datetimes, durations seconds, cycles whole cycles. Texts are untrusted until they are rendered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from quri_console.report.schedule_rows import ScheduleRow

ReportKind = Literal["daily", "weekly", "compliance"]
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class CanisterRow:
    """A canister as last seen, and what it burnt and was given in the period (None: the history does not tell)."""

    name: str
    canister_id: str
    criticality: str
    level: str
    reasons: tuple[str, ...]
    status: str | None
    cycles: int | None
    burn_per_day: int | None
    runway_seconds: float | None
    memory_bytes: int | None
    seen_at: datetime | None
    burnt: int | None
    top_ups: int
    topped_up: int


@dataclass(frozen=True, slots=True)
class BackupRow:
    """A canister's backups against its policy: a gap is the time between two copies of its state.

    The gap that is open at the end of the period counts, too. `verdict` is `kept`, `late`, `none` or `no policy`.
    """

    name: str
    canister_id: str
    criticality: str
    allowed_seconds: float | None
    taken: int
    failed: int
    late: int
    gap_p50_seconds: float | None
    gap_p95_seconds: float | None
    gap_max_seconds: float | None
    newest_at: datetime | None
    age_seconds: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class FailedBackup:
    """A backup that did not come to be: of one canister, or of all that were asked for (`name` lists them then)."""

    at: datetime
    name: str
    backup: str
    why: str


@dataclass(frozen=True, slots=True)
class VerificationRow:
    """A backup read again; `damaged` are the items that were not whole."""

    at: datetime
    backup: str
    whole: bool
    scope: str
    damaged: tuple[str, ...]
    tool: str


@dataclass(frozen=True, slots=True)
class RehearsalRow:
    """A canister's copy loaded into the sandbox; `seconds` is the measured time of the whole backup's rehearsal."""

    at: datetime
    backup: str
    name: str
    verdict: str
    reason: str
    seconds: float | None
    tool: str


@dataclass(frozen=True, slots=True)
class DrillRow:
    """An incident played on a local network; seconds since it, None where it did not come to that.

    `unmet` is what was still wrong at the end. `lost` of the `written` entries were gone; None: they could not be
    counted. `limit_of` is `seed` for a figure of the old runbook, else `ours`.
    """

    at: datetime
    drill: str
    by: str
    mode: str
    recovered: bool
    in_time: bool
    limit_seconds: float
    limit_of: str
    detected_by: str
    seconds_to_detect: float | None
    seconds_to_acknowledge: float | None
    seconds_to_recover: float | None
    unmet: tuple[str, ...]
    wrong_turns: tuple[str, ...]
    written: int
    lost: int | None
    tool: str


@dataclass(frozen=True, slots=True)
class OperationRow:
    """What changed a canister or moved cycles: how it ended, how long it took, by whom, why."""

    at: datetime
    operation: str
    kind: str
    target: str
    by: str
    reason: str
    result: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert of the period, from firing to its end; None where that did not happen yet."""

    fired_at: datetime
    subject: str
    rule: str
    level: str
    text: str
    acknowledged_at: datetime | None
    acknowledged_by: str
    seconds_to_acknowledge: float | None
    ended_at: datetime | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class SilenceRow:
    """Alerts that were not sent, by whose wish."""

    at: datetime
    until: datetime | None
    subject: str
    rule: str
    by: str
    note: str


@dataclass(frozen=True, slots=True)
class RetentionRow:
    """What the retention policy keeps of one criticality; what the configuration leaves to the default is absent."""

    criticality: str
    canisters: int
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeletionRow:
    """A backup hidden, deleted, pinned or held: who did it, and why."""

    at: datetime
    what: str
    backup: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class AccessRow:
    """Controllers that a canister got and lost between two rounds of the watch."""

    at: datetime
    name: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UncoveredRow:
    """A canister that could not be brought back, or that nobody watches."""

    name: str
    canister_id: str
    why: str
    next_step: str


@dataclass(frozen=True, slots=True)
class AuditRow:
    """The audit log's newest event, and whether everything up to it is what was written."""

    whole: bool
    events: int
    segments: int
    head_sequence: int
    head_hash: str
    fault: str
    torn_lines: int


# without a text of its own: asyncio.run spells the result of its task out, which costs half a second for a year
@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """All of one report. `remarks` say what is worth knowing first, `gaps` what the report cannot tell, and why."""

    kind: ReportKind
    network: str
    production: bool
    since: datetime
    until: datetime
    tool: str
    repository: str
    encrypted: bool | None
    """None where there is no repository."""
    remarks: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    fleet: tuple[CanisterRow, ...] = ()
    backups: tuple[BackupRow, ...] = ()
    failed_backups: tuple[FailedBackup, ...] = ()
    verifications: tuple[VerificationRow, ...] = ()
    rehearsals: tuple[RehearsalRow, ...] = ()
    drills: tuple[DrillRow, ...] = ()
    schedules: tuple[ScheduleRow, ...] = ()
    operations: tuple[OperationRow, ...] = ()
    alerts: tuple[AlertRow, ...] = ()
    silences: tuple[SilenceRow, ...] = ()
    retention: tuple[RetentionRow, ...] = ()
    deletions: tuple[DeletionRow, ...] = ()
    access: tuple[AccessRow, ...] = ()
    uncovered: tuple[UncoveredRow, ...] = ()
    audit: AuditRow | None = None
    schema: int = field(default=SCHEMA)
