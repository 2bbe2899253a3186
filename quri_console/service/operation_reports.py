"""What the report of an operation is made of, and where it is kept."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from quri_console.effects.audit_log import AUDIT_FOLDER, read_head
from quri_console.effects.durable import make_private_directory, write_whole
from quri_console.effects.journal import Record
from quri_console.effects.operation_summary import OperationSummary
from quri_console.errors import CorruptionError
from quri_console.restore.plan import PLAN_NAME, RestorePlan, read_plan
from quri_console.service.activity import operation_steps
from quri_console.service.session import Session

REPORTS_FOLDER = "reports"


@dataclass(frozen=True, slots=True)
class OperationEvidence:
    """One operation: its summary, its journal, the plan of a restore, and what the audit log ended with."""

    summary: OperationSummary
    records: tuple[Record, ...]
    plan: RestorePlan | None
    audit_head: str


async def operation_evidence(session: Session, operation_id: str) -> OperationEvidence:
    """Read it. Raises UsageError, CorruptionError, StateFolderUnusable."""
    steps = await operation_steps(session, operation_id)
    return OperationEvidence(
        steps.summary,
        steps.records,
        await asyncio.to_thread(_plan, steps.summary.directory),
        await asyncio.to_thread(_audit_head, session),
    )


def _plan(folder: Path) -> RestorePlan | None:
    """The plan of a restore of one canister; other operations have plans of other kinds, or none."""
    if not (folder / PLAN_NAME).exists():
        return None
    try:
        return read_plan(folder, RestorePlan)
    except CorruptionError:
        return None


def _audit_head(session: Session) -> str:
    head = read_head(session.config.paths.state / AUDIT_FOLDER)
    return "" if head is None else head.hash


def save_report(session: Session, operation_id: str, text: str) -> Path:
    """Put a report into the state folder; where. Raises StateFolderUnusable."""
    folder = session.config.paths.state / REPORTS_FOLDER
    make_private_directory(folder)
    path = folder / f"{operation_id}.md"
    write_whole(path, text)
    return path
