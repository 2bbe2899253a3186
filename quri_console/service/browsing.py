"""Listing and opening the backups of the configured repository; one that was never made holds none yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.backup.summaries import BackupSummary, RepositorySummary, remaining, summarise_repository
from quri_console.repository.errors import RepositoryMissing
from quri_console.service.repositories import open_repository
from quri_console.service.session import Session

if TYPE_CHECKING:
    from quri_console.backup.browse import OpenBackup
    from quri_console.backup.closer_look import BackupLook
    from quri_console.backup.exported_copy import ExportedCopy
    from quri_console.progress import Progress


def repository_summary(session: Session) -> RepositorySummary:
    """All of the repository, forgotten sets too; nothing where there is none yet.

    Raises NotARepository, NewerFormat, CorruptionError, StorageFailed.
    """
    try:
        repository = open_repository(session.config, session.clock)
    except RepositoryMissing:
        return RepositorySummary(str(session.config.repository.path), False, (), (), 0, exists=False)
    return summarise_repository(repository, session.config.paths.cache)


def backups(session: Session) -> tuple[BackupSummary, ...]:
    """The sets that nobody forgot, newest first. Raises as `repository_summary`."""
    return remaining(repository_summary(session).backups)


def opened_backup(session: Session, name: str) -> OpenBackup:
    """A set by its name, how that begins, or `latest`; BACKUP/CANISTER as `backup.browse.find_set` takes it.

    Raises RepositoryMissing, BackupNotFound, and as `repository_summary`.
    """
    from quri_console.backup.browse import open_backup

    repository = open_repository(session.config, session.clock, ask_passphrase=session.repository_passphrase)
    return open_backup(repository, name)


def look_into(session: Session, name: str) -> BackupLook:
    """Everything that is known of a set, or of one canister in it (BACKUP/CANISTER). Raises as `opened_backup`."""
    from quri_console.backup.closer_look import look_at

    return look_at(opened_backup(session, name), name.partition("/")[2] or None)


@contextmanager
def held_backup(session: Session, name: str, holder: str) -> Iterator[tuple[OpenBackup, Callable[[], None]]]:
    """A set that no prune takes away while it is read, and what is to be called as often as convenient meanwhile.

    `holder` says what for. Raises as `opened_backup`, RepositoryLocked; LockLost from the callable.
    """
    from quri_console.repository.locks import acquire

    backup = opened_backup(session, name)
    # optional: a repository on a disk that cannot be written is read as well
    with acquire(backup.repository.backend, "shared", holder, session.clock, optional=True) as lock:
        yield backup, lock.refresh_if_due


def export_copy(
    session: Session, backup: str, canister: str, to: Path, progress: Progress | None = None
) -> ExportedCopy:
    """Write a canister's copy into the new directory `to`. Raises as `held_backup`, and as `export_state`."""
    from quri_console.backup.exported_copy import export_copy as export
    from quri_console.progress import NoProgress

    with held_backup(session, f"{backup}/{canister}", f"export {backup}") as (opened, still_held):
        stored = opened.canister(canister)
        return export(stored, to, progress or NoProgress(), still_held, session.clock.monotonic)
