"""Sealing a backup of the configured repository into one file, under the lock that keeps prune away meanwhile."""

from __future__ import annotations

from pathlib import Path

from quri_console.backup.browse import find_set
from quri_console.progress import Progress
from quri_console.repository.archive import Archived, archive_path, write_archive
from quri_console.repository.locks import acquire
from quri_console.service.repositories import open_repository
from quri_console.service.session import Session


def archive_backup(session: Session, backup: str, to: Path, progress: Progress | None = None) -> Archived:
    """Seal a backup (a name, how one begins, or `latest`) into the file `to`, or into one in the folder `to`.

    Raises what `find_set`, `archive_path` and `write_archive` raise, RepositoryLocked.
    """
    repository = open_repository(session.config, session.clock, ask_passphrase=session.repository_passphrase)
    name = find_set(repository, backup)
    path = archive_path(to, name)
    # optional: an archive can be made of a repository on a disk that cannot be written
    with acquire(repository.backend, "shared", f"archive {name}", session.clock, optional=True) as lock:
        return write_archive(
            repository,
            name,
            path,
            level=session.config.repository.compression_level,
            progress=progress,
            still_locked=lock.refresh_if_due,
        )
