"""What went on: operations, their steps, messages, audit; each read anew from its files."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quri_console.effects.journal import Record
from quri_console.effects.operation_files import LOG
from quri_console.effects.operation_summary import OperationSummary
from quri_console.history import History
from quri_console.history.outbox import Message
from quri_console.service.audit import audit_events
from quri_console.service.following import follow, operations
from quri_console.service.session import Session

LOG_LINES = 400
AUDIT_EVENTS = 200


@dataclass(frozen=True, slots=True)
class OperationSteps:
    """One operation: its summary, its journal, and the end of its log."""

    summary: OperationSummary
    records: tuple[Record, ...]
    log: tuple[str, ...]


async def all_operations(session: Session) -> tuple[OperationSummary, ...]:
    """All operations, newest first. Raises nothing for one that is damaged: it is listed as that."""
    return await asyncio.to_thread(operations, session)


async def operation_steps(session: Session, operation_id: str) -> OperationSteps:
    """An operation with every step. Raises UsageError, CorruptionError."""
    return await asyncio.to_thread(_steps, session, operation_id)


def _steps(session: Session, operation_id: str) -> OperationSteps:
    handle = follow(session, operation_id)
    path = handle.directory / LOG
    text = path.read_text("utf-8", "replace") if path.exists() else ""
    return OperationSteps(handle.summary(), handle.journal(), tuple(text.splitlines()[-LOG_LINES:]))


async def newest_messages(session: Session, limit: int = 100) -> tuple[Message, ...]:
    """The newest messages to all channels, newest first. Raises HistoryUnusable."""
    async with await History.open(session.config.paths.history) as history:
        return await history.outbox.newest(limit)


async def newest_audit(session: Session, operation_id: str | None = None) -> Sequence[dict[str, Any]]:
    """The newest events of the audit log, oldest first. Raises StateFolderUnusable."""
    return await asyncio.to_thread(lambda: deque(audit_events(session, operation=operation_id), AUDIT_EVENTS))
