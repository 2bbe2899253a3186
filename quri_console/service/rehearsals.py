"""Rehearsing backups as the operator asks for it, and noting beside them what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

from quri_console import __version__
from quri_console.backup.browse import OpenBackup, StoredCanister, find_set, open_backup
from quri_console.backup.manifest import ManifestCanister
from quri_console.clock import utc_datetime
from quri_console.config.model import Config, HealthCheck
from quri_console.errors import CorruptionError, UsageError
from quri_console.progress import Progress
from quri_console.repository.backend import ObjectMissing
from quri_console.repository.errors import NewerFormat
from quri_console.repository.files import StorageFailed
from quri_console.repository.locks import RepositoryLock, acquire
from quri_console.repository.marks import put_mark, read_marks, standing
from quri_console.repository.sets import set_time
from quri_console.repository.store import Repository
from quri_console.repository.trash import remaining_set_names
from quri_console.restore.health import require_usable
from quri_console.restore.rehearsal import Rehearsed, SetRehearsal
from quri_console.restore.rehearse import rehearse
from quri_console.service.repositories import open_repository
from quri_console.service.session import Session

TOOL = f"quri-console {__version__}"


class NothingToRehearse(UsageError):
    """A backup without any state."""


def rehearse_backup(
    session: Session, backup: str, progress: Progress | None = None, *, wait_seconds: float = 0.0
) -> SetRehearsal:
    """Rehearse a backup (a name, how one begins, `latest`, or BACKUP/CANISTER) and note beside it what came of it.

    Raises BackupNotFound, NothingToRehearse, UnusableCheck, WrongKey, CorruptionError for a damaged manifest,
    RepositoryMissing, RepositoryLocked.
    """
    repository = _opened(session)
    canister = backup.partition("/")[2] or None
    name = find_set(repository, backup)
    with _shared(repository, session, wait_seconds) as lock:
        opened = open_backup(repository, name)
        entries = (opened.entry(canister),) if canister else _with_state(opened)
        if not entries:
            raise NothingToRehearse(
                f"Backup {name} holds no state, only what could be seen of the canisters",
                next_step="Name a backup with state; `quri-console list` shows which have it.",
            )
        return _rehearsed(session.config, opened, entries, progress, lock)


def rehearse_new(
    session: Session,
    progress: Progress | None = None,
    *,
    since_seconds: float | None = None,
    wait_seconds: float = 0.0,
) -> Iterator[SetRehearsal]:
    """Rehearse every backup with state of which some was not yet, oldest first; not those older than `since_seconds`.

    A set that cannot be read is a failure of its own and ends nothing. Raises UnusableCheck, WrongKey,
    RepositoryMissing, RepositoryLocked.
    """
    repository = _opened(session)
    now = utc_datetime(session.clock.now_ns())
    oldest = None if since_seconds is None else now - timedelta(seconds=since_seconds)
    with _shared(repository, session, wait_seconds) as lock:
        for name in remaining_set_names(repository.backend):
            if oldest is not None and set_time(name) < oldest:
                continue
            found = _rehearsed_if_new(session, repository, name, progress, lock)
            if found is not None:
                yield found
            lock.refresh_if_due()


def _rehearsed_if_new(
    session: Session, repository: Repository, name: str, progress: Progress | None, lock: RepositoryLock
) -> SetRehearsal | None:
    stands = standing(*read_marks(repository.backend, name), utc_datetime(session.clock.now_ns()))
    try:
        opened = open_backup(repository, name)
    except (CorruptionError, ObjectMissing, NewerFormat) as error:
        return SetRehearsal(name, (), 0, 0.0, problem=str(error))
    entries = _with_state(opened)
    if all(stands.rehearsal_of(entry.canister.to_str()) is not None for entry in entries):
        return None
    return _rehearsed(session.config, opened, entries, progress, lock)


def _with_state(opened: OpenBackup) -> tuple[ManifestCanister, ...]:
    return tuple(entry for entry in opened.manifest.canisters if entry.has_state)


def _rehearsed(
    config: Config,
    opened: OpenBackup,
    entries: tuple[ManifestCanister, ...],
    progress: Progress | None,
    lock: RepositoryLock,
) -> SetRehearsal:
    _ = opened.repository.vault  # without its key nothing can be said
    checks = {entry.folder: _checks(config, entry) for entry in entries}
    for wanted in checks.values():
        require_usable(wanted)
    started = time.perf_counter()
    canisters = []
    for entry in entries:
        subject = Rehearsed(entry.name, entry.canister.to_str(), "not rehearsable")
        canisters.append(
            rehearse(_opener(opened, entry), subject, checks[entry.folder], progress, refresh=lock.refresh_if_due)
        )
    return _noted(
        opened.repository,
        SetRehearsal(opened.name, tuple(canisters), len(_with_state(opened)), time.perf_counter() - started),
    )


def _opener(opened: OpenBackup, entry: ManifestCanister) -> Callable[[], StoredCanister]:
    return lambda: opened.canister(entry.folder)


def _checks(config: Config, entry: ManifestCanister) -> tuple[HealthCheck, ...]:
    text = entry.canister.to_str()
    return next((canister.health_checks for canister in config.canisters if canister.id == text), ())


def _noted(repository: Repository, found: SetRehearsal) -> SetRehearsal:
    try:
        put_mark(repository.backend, found.set_name, "rehearsal", repository.clock.now_ns(), found.fields(TOOL))
    except StorageFailed:
        return found  # a repository that is only read, or a full disk
    return replace(found, kept=True)


def _shared(repository: Repository, session: Session, wait_seconds: float) -> RepositoryLock:
    """A lock for reading; none where the repository cannot be written."""
    return acquire(repository.backend, "shared", "rehearse", session.clock, wait_seconds=wait_seconds, optional=True)


def _opened(session: Session) -> Repository:
    return open_repository(session.config, session.clock, ask_passphrase=session.repository_passphrase)
