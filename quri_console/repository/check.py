"""Checking a whole repository under a shared lock, and noting the result beside its sets."""

from __future__ import annotations

import random
from pathlib import Path

from quri_console.progress import NoProgress, Progress
from quri_console.repository.check_data import DataOptions, check_data
from quri_console.repository.check_report import CheckReport
from quri_console.repository.check_structure import check_structure
from quri_console.repository.locks import acquire
from quri_console.repository.read_log import ReadLog
from quri_console.repository.store import Repository
from quri_console.repository.verification import mark_checked, mark_damaged

DEFAULT_TOOL = "quri-console"


def check_repository(
    repository: Repository,
    data: DataOptions | None = None,
    progress: Progress | None = None,
    *,
    cache: Path | None = None,
    tool: str = DEFAULT_TOOL,
    wait_seconds: float = 0.0,
    source: random.Random | None = None,
) -> CheckReport:
    """Check everything but the packs, and the packs that `data` selects.

    `cache` is the folder that remembers which packs were read when. The result is noted beside the sets where that can
    be done. Raises RepositoryLocked, NewerFormat, StorageFailed when the repository may not be read.
    """
    progress = progress or NoProgress()
    with acquire(
        repository.backend, "shared", "check", repository.clock, wait_seconds=wait_seconds, optional=True
    ) as lock:
        structure = check_structure(repository, progress)
        if data is None:
            return mark_damaged(repository, structure, tool)
        with ReadLog.in_memory() if cache is None else ReadLog.open(cache, repository.id) as log:
            found = check_data(
                repository,
                data,
                progress,
                structure=structure,
                log=log,
                source=source,
                keep_alive=lock.refresh_if_due,
            )
        return mark_checked(repository, found, tool)
