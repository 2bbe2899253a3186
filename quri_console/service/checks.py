"""Checking, verifying and repairing the configured repository as the operator asks for it, under the locks it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from quri_console import __version__
from quri_console.backup.browse import find_set
from quri_console.clock import utc_datetime
from quri_console.progress import Progress
from quri_console.repository.check import check_repository
from quri_console.repository.check_data import DataOptions
from quri_console.repository.check_report import CheckReport, Verification
from quri_console.repository.check_selection import Everything, Selection
from quri_console.repository.locks import LockInfo, RepositoryLock, acquire, list_locks, remove_stale_locks
from quri_console.repository.repair_index import repair_index
from quri_console.repository.repair_marks import repair_marks
from quri_console.repository.repair_packs import repair_packs
from quri_console.repository.repair_report import IndexRepair, MarksRepair, PacksRepair
from quri_console.repository.store import Repository
from quri_console.repository.trash import remaining_set_names
from quri_console.repository.verification import mark_verified, verify_set
from quri_console.service.repositories import open_repository
from quri_console.service.session import Session

TOOL = f"quri-console {__version__}"


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What the operator wants checked. `max_seconds` ends the reading of packs, not that of the rest."""

    read_data: bool = False
    selection: Selection | None = None
    """None: all packs."""
    max_seconds: float | None = None
    without_key: bool = False
    wait_seconds: float = 0.0


def check(session: Session, request: CheckRequest, progress: Progress | None = None) -> CheckReport:
    """Check the repository. Damage stands in the report.

    Raises RepositoryMissing, NotARepository, NewerFormat, CorruptionError for a damaged `repository.toml`,
    RepositoryLocked, StorageFailed.
    """
    repository = (
        Repository.open(session.config.repository.path, clock=session.clock)
        if request.without_key
        else _opened(session)
    )
    deadline = None if request.max_seconds is None else session.clock.monotonic() + request.max_seconds
    data = DataOptions(request.selection or Everything(), deadline) if request.read_data else None
    return check_repository(
        repository, data, progress, cache=read_log_folder(session), tool=TOOL, wait_seconds=request.wait_seconds
    )


def read_log_folder(session: Session) -> Path:
    """Where it is remembered which packs were read when."""
    return session.config.paths.cache / "checks"


def verify(
    session: Session, backup: str, progress: Progress | None = None, *, wait_seconds: float = 0.0
) -> Verification:
    """Read one backup (a name, how one begins, or `latest`) and note beside it what came of it.

    Raises BackupNotFound, WrongKey, and as `check`.
    """
    repository = _opened(session)
    name = find_set(repository, backup)
    with _shared(repository, session, "verify", wait_seconds=wait_seconds):
        return _verified(repository, name, progress)


def verify_all(
    session: Session, progress: Progress | None = None, *, wait_seconds: float = 0.0
) -> Iterator[Verification]:
    """Read every backup, oldest first, and note beside each what came of it. Raises as `verify`."""
    repository = _opened(session)
    # where there is none at all, the search for one says so
    names = remaining_set_names(repository.backend) or (find_set(repository),)
    with _shared(repository, session, "verify", wait_seconds=wait_seconds) as lock:
        for name in names:
            yield _verified(repository, name, progress)
            lock.refresh_if_due()


def _verified(repository: Repository, name: str, progress: Progress | None) -> Verification:
    verification = verify_set(repository, name, progress)
    mark_verified(repository, verification, TOOL)
    return verification


def _shared(repository: Repository, session: Session, holder: str, *, wait_seconds: float) -> RepositoryLock:
    """A lock for reading; none where the repository cannot be written."""
    return acquire(repository.backend, "shared", holder, session.clock, wait_seconds=wait_seconds, optional=True)


def repaired_index(
    session: Session, progress: Progress | None = None, *, dry_run: bool, wait_seconds: float
) -> IndexRepair:
    """Make the index anew from the packs. Raises RepositoryLocked, StorageFailed, DiskFull."""
    with _exclusive(session, "repair index", dry_run=dry_run, wait_seconds=wait_seconds) as (repository, _):
        return repair_index(repository, progress, dry_run=dry_run)


def repaired_packs(
    session: Session, names: Sequence[str], progress: Progress | None = None, *, dry_run: bool, wait_seconds: float
) -> PacksRepair:
    """Put damaged packs away. Raises RepositoryLocked, WrongKey, UsageError, StorageFailed, DiskFull."""
    with _exclusive(session, "repair packs", dry_run=dry_run, wait_seconds=wait_seconds) as (repository, keep_alive):
        return repair_packs(repository, names, progress, dry_run=dry_run, keep_alive=keep_alive)


def repaired_marks(session: Session, *, dry_run: bool, wait_seconds: float) -> MarksRepair:
    """Put damaged marks away. Raises RepositoryLocked, StorageFailed, DiskFull."""
    with _exclusive(session, "repair marks", dry_run=dry_run, wait_seconds=wait_seconds) as (repository, _):
        return repair_marks(repository, dry_run=dry_run)


def repaired_locks(session: Session, *, dry_run: bool) -> tuple[tuple[LockInfo, ...], tuple[LockInfo, ...]]:
    """Remove locks of processes that are gone, and unreadable ones; those, and those that are left."""
    backend = _opened(session).backend
    if not dry_run:
        return remove_stale_locks(backend, session.clock, damaged_too=True), list_locks(backend)
    found, now = list_locks(backend), utc_datetime(session.clock.now_ns())
    going = tuple(lock for lock in found if lock.damage or lock.is_stale(now))
    return going, tuple(lock for lock in found if lock not in going)


@contextmanager
def _exclusive(
    session: Session, holder: str, *, dry_run: bool, wait_seconds: float
) -> Iterator[tuple[Repository, Callable[[], None]]]:
    """The repository while nobody else uses it; a dry run only keeps others from deleting."""
    repository = _opened(session)
    with acquire(
        repository.backend,
        "shared" if dry_run else "exclusive",
        holder,
        session.clock,
        wait_seconds=wait_seconds,
        optional=dry_run,
    ) as lock:
        yield repository, lock.refresh_if_due


def _opened(session: Session) -> Repository:
    return open_repository(session.config, session.clock, ask_passphrase=session.repository_passphrase)
