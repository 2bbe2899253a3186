"""Pins, holds and prunes as the operator asks for them: locks, names and who did it, around the repository."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Literal

from quri_console.backup.browse import find_set
from quri_console.clock import utc_datetime
from quri_console.progress import Progress
from quri_console.repository import pins
from quri_console.repository.homes import require_only_home
from quri_console.repository.locks import LockKind, RepositoryLock, acquire
from quri_console.repository.marks import Mark
from quri_console.repository.prune import plan_prune
from quri_console.repository.prune_execute import execute_prune
from quri_console.repository.prune_plan import PrunePlan, PruneResult
from quri_console.repository.store import Repository
from quri_console.service.operations import require_writable_session
from quri_console.service.removal_audit import note_pruned
from quri_console.service.repositories import open_repository
from quri_console.service.session import Session

Keep = Literal["pin", "unpin", "hold", "release"]


def opened(session: Session) -> Repository:
    """The repository of the session. Raises RepositoryMissing, NotARepository, NewerFormat, CorruptionError."""
    return open_repository(session.config, session.clock, ask_passphrase=session.repository_passphrase)


def now_of(session: Session) -> datetime:
    """The session's present, in UTC."""
    return utc_datetime(session.clock.now_ns())


def by_whom() -> str:
    """Who runs this, for marks that others read: `eva@console`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "somebody"  # a user without an entry in the list of users, as in a container
    return f"{user}@{socket.gethostname()}"


@contextmanager
def locked(
    session: Session,
    repository: Repository,
    kind: LockKind,
    holder: str,
    *,
    wait_seconds: float,
    optional: bool = False,
) -> Iterator[RepositoryLock]:
    """Hold the repository's lock. Raises RepositoryLocked naming who has it, RefusedBySafetyRule for a second home."""
    if kind == "exclusive":
        require_only_home(session.config.paths.cache, repository.id, repository.backend.location)
    with acquire(repository.backend, kind, holder, session.clock, wait_seconds=wait_seconds, optional=optional) as lock:
        yield lock


def prune_plan(session: Session, *, grace: timedelta | None, dry_run: bool, wait_seconds: float = 0) -> PrunePlan:
    """What a prune would do now; `grace` is the configuration's unless given.

    Unless it is a dry run, the exclusive lock is taken for the time of planning, so that a repository in use is told
    of before anybody is asked anything. Raises RepositoryLocked, WrongKey, NewerFormat, StorageFailed.
    """
    if not dry_run:
        require_writable_session(session, "prune")
    repository = opened(session)
    kind: LockKind = "shared" if dry_run else "exclusive"
    with locked(session, repository, kind, "prune", wait_seconds=wait_seconds, optional=dry_run):
        return plan_prune(repository, now=now_of(session), grace=_grace(session, grace))


def prune(
    session: Session, plan: PrunePlan, *, wait_seconds: float = 0, progress: Progress | None = None
) -> PruneResult:
    """Carry a plan out under the exclusive lock. Raises as `execute_prune`, RepositoryLocked."""
    require_writable_session(session, "prune")
    repository = opened(session)
    with locked(session, repository, "exclusive", "prune", wait_seconds=wait_seconds) as lock:
        note_pruned(session, plan)
        return execute_prune(repository, plan, lock, progress=progress)


def prune_at_once(
    session: Session,
    *,
    grace: timedelta | None,
    show: Callable[[PrunePlan], None],
    wait_seconds: float = 0,
    progress: Progress | None = None,
) -> PruneResult:
    """Plan, `show` and carry out under one exclusive lock, where nobody has to be asked between. Raises as `prune`."""
    require_writable_session(session, "prune")
    repository = opened(session)
    with locked(session, repository, "exclusive", "prune", wait_seconds=wait_seconds) as lock:
        plan = plan_prune(repository, now=now_of(session), grace=_grace(session, grace))
        show(plan)
        note_pruned(session, plan)
        return execute_prune(repository, plan, lock, progress=progress)


def _grace(session: Session, given: timedelta | None) -> timedelta:
    return timedelta(seconds=session.config.retention.grace_seconds) if given is None else given


def keep(
    session: Session,
    backup: str,
    action: Keep,
    *,
    reason: str,
    expires_at: datetime | None = None,
    wait_seconds: float = 0,
) -> Mark:
    """Pin or hold a backup (a name, how it begins, or latest; BACKUP/CANISTER means its backup), or end that.

    Raises UsageError, BackupNotFound, RefusedBySafetyRule, RepositoryLocked.
    """
    require_writable_session(session, action)
    repository = opened(session)
    name, now, by = find_set(repository, backup), now_of(session), by_whom()
    with locked(session, repository, "shared", f"{action} {name}", wait_seconds=wait_seconds):
        if action == "pin":
            return pins.pin(repository, name, by=by, reason=reason, now=now, expires_at=expires_at)
        change = {"unpin": pins.unpin, "hold": pins.hold, "release": pins.release}[action]
        return change(repository, name, by=by, reason=reason, now=now)
