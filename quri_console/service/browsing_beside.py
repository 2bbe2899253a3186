"""Reading the repository beside a loop that must not wait: the same calls as `browsing` and `checks`, in threads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from quri_console.service import browsing, checks, keeping
from quri_console.service.session import Session

if TYPE_CHECKING:
    from quri_console.backup.closer_look import BackupLook
    from quri_console.backup.summaries import RepositorySummary
    from quri_console.repository.archive import Archived
    from quri_console.repository.check_report import Verification
    from quri_console.repository.marks import Mark
    from quri_console.service.keeping import Keep


async def repository_now(session: Session) -> RepositorySummary:
    """All backups and the room they take. Raises StorageFailed."""
    return await asyncio.to_thread(browsing.repository_summary, session)


async def look_into(session: Session, name: str) -> BackupLook:
    """Everything that is known of a backup, or of one canister in it (BACKUP/CANISTER). Raises as opening does."""
    from quri_console.backup.closer_look import look_at

    def look() -> BackupLook:
        return look_at(browsing.opened_backup(session, name), name.partition("/")[2] or None)

    return await asyncio.to_thread(look)


async def verified(session: Session, name: str) -> Verification:
    """Read a backup again and note beside it what came of it."""
    return await asyncio.to_thread(checks.verify, session, name)


async def kept(session: Session, name: str, action: Keep, reason: str) -> Mark:
    """Pin a backup or end that. Raises UsageError, RefusedBySafetyRule, RepositoryLocked."""
    return await asyncio.to_thread(lambda: keeping.keep(session, name, action, reason=reason))


async def archived(session: Session, name: str) -> Archived:
    """Seal a backup into a file in the working folder of this console."""
    from pathlib import Path

    from quri_console.service.archives import archive_backup

    return await asyncio.to_thread(archive_backup, session, name, Path.cwd(), None)


async def forgotten(session: Session, name: str, reason: str) -> tuple[str, ...]:
    """Hide a backup; its name. It can be brought back until it is pruned. Raises RefusedBySafetyRule."""
    from quri_console.service.forgetting import forget_backups

    await asyncio.to_thread(lambda: forget_backups(session, [name], by_policy=False, reason=reason, dry_run=False))
    return (name,)


async def brought_back(session: Session, name: str) -> tuple[str, ...]:
    """Undo forgetting. Raises RefusedBySafetyRule."""
    from quri_console.service.forgetting import unforget_backups

    return await asyncio.to_thread(unforget_backups, session, [name])
