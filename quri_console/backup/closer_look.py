"""All that can be told of the canisters of a set; what is damaged or needs a key that is missing hides nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from quri_console.backup.extras_record import ExtrasFound, extras_of
from quri_console.clock import utc_datetime
from quri_console.errors import CorruptionError, QuriError
from quri_console.repository.backend import ObjectMissing
from quri_console.repository.errors import WrongKey
from quri_console.repository.marks import Standing, read_marks, standing
from quri_console.repository.trash import read_trash

if TYPE_CHECKING:
    from quri_console.backup.browse import OpenBackup, StoredCanister
    from quri_console.backup.manifest import ManifestCanister


@dataclass(frozen=True, slots=True)
class CanisterLook:
    """One canister: what the manifest says, its records where they can be read, and why they cannot."""

    entry: ManifestCanister
    stored: StoredCanister | None
    extras: ExtrasFound | None
    problem: QuriError | None


@dataclass(frozen=True, slots=True)
class BackupLook:
    """A set with what was noted beside it, and its canisters."""

    backup: OpenBackup
    standing: Standing
    forgotten_at: datetime | None
    canisters: tuple[CanisterLook, ...]

    @property
    def problem(self) -> QuriError | None:
        """The first that there is."""
        return next((one.problem for one in self.canisters if one.problem is not None), None)


def look_at(backup: OpenBackup, canister: str | None = None) -> BackupLook:
    """All of a set, or of one of its canisters by name or id. Raises UsageError, StorageFailed."""
    repository = backup.repository
    entries = backup.manifest.canisters if canister is None else (backup.entry(canister),)
    marks, unreadable = read_marks(repository.backend, backup.name)
    forgotten = read_trash(repository.backend).sets.get(backup.name)
    return BackupLook(
        backup=backup,
        standing=standing(marks, unreadable, utc_datetime(repository.clock.now_ns())),
        forgotten_at=None if forgotten is None else forgotten.at,
        canisters=tuple(_look(backup, entry) for entry in entries),
    )


def _look(backup: OpenBackup, entry: ManifestCanister) -> CanisterLook:
    try:
        stored = backup.canister(entry.folder)
        return CanisterLook(entry, stored, extras_of(stored), None)
    except (CorruptionError, ObjectMissing, WrongKey) as error:
        return CanisterLook(entry, None, None, error)
