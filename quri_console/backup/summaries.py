"""What lists show of backups: typed summaries out of the repository's cached listing, without a key or a network.

Nothing of `quri_console.ic` is needed, because most of the time of a headless command is imports.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from quri_console.backup.modes import STATELESS_MODES
from quri_console.errors import CorruptionError
from quri_console.repository.backend import ObjectMissing
from quri_console.repository.errors import NewerFormat, RepositoryMissing
from quri_console.repository.index import PACKS_FOLDER
from quri_console.repository.listing import Listed, SetSummary, list_repository
from quri_console.repository.marks import Standing
from quri_console.repository.set_writer import begun_by
from quri_console.repository.sets import SetItem, typed
from quri_console.repository.store import Repository

IMPORT_OPERATION = "import"
"""What an import calls itself where a backup names its operation."""
SetState = Literal["whole", "partial", "not consistent", "damaged"]


@dataclass(frozen=True, slots=True)
class CanisterSummary:
    """One canister of a listed set; sizes in bytes, `new_bytes` what no earlier backup held."""

    name: str
    canister_id: str
    taken_at: datetime
    mode: str
    state_bytes: int
    new_bytes: int
    module_hash: bytes
    group: str
    warnings: tuple[str, ...]

    @property
    def has_state(self) -> bool:
        """Whether it can be restored from."""
        return self.mode not in STATELESS_MODES


@dataclass(frozen=True, slots=True)
class FailureSummary:
    """A canister that was asked for and is not in the set."""

    name: str
    canister_id: str
    reason: str
    next_step: str


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """A group of canisters, and whether their copies are one cut; `reason` says why not."""

    name: str
    consistent: bool
    reason: str


@dataclass(frozen=True, slots=True)
class BackupSummary:
    """One set as its manifest and its marks describe it; `damage` says why the manifest could not be read.

    Then nothing is known but name and time. All texts are untrusted.
    """

    name: str
    taken_at: datetime
    network: str
    root_key_hash: bytes
    operation: str
    canisters: tuple[CanisterSummary, ...]
    failures: tuple[FailureSummary, ...]
    groups: tuple[GroupSummary, ...]
    record_bytes: int
    """What its records and lists of chunks take; chunks belong to no set alone."""
    standing: Standing
    """Pins, holds, verifications and rehearsals."""
    forgotten_at: datetime | None
    damage: str | None

    @property
    def partial(self) -> bool:
        """Whether a canister that was asked for is missing."""
        return bool(self.failures)

    @property
    def state(self) -> SetState:
        """The worst that is known of it."""
        if self.damage is not None or self.standing.damaged_at is not None:
            return "damaged"
        if self.failures:
            return "partial"
        return "whole" if all(group.consistent for group in self.groups) else "not consistent"

    @property
    def state_bytes(self) -> int:
        """The states of all its canisters together, as they are on chain."""
        return sum(canister.state_bytes for canister in self.canisters)

    @property
    def new_bytes(self) -> int:
        """What of them no earlier backup held."""
        return sum(canister.new_bytes for canister in self.canisters)


@dataclass(frozen=True, slots=True)
class UnfinishedSummary:
    """A set that was begun and not committed: it is being made, or its maker was interrupted."""

    name: str
    operation: str
    """Empty when it does not say."""


@dataclass(frozen=True, slots=True)
class RepositorySummary:
    """All of a repository: sets newest first, forgotten ones too; `stored_bytes` is what it takes on the disk."""

    location: str
    encrypted: bool
    backups: tuple[BackupSummary, ...]
    unfinished: tuple[UnfinishedSummary, ...]
    stored_bytes: int
    exists: bool = True
    """False where no repository was made yet."""

    def require(self) -> RepositorySummary:
        """Itself. Raises RepositoryMissing where there is none yet."""
        if not self.exists:
            raise RepositoryMissing(
                f"There is no repository at {self.location} yet",
                next_step="`quri-console init` makes one, `quri-console backup` makes one in the clear and fills it.",
            )
        return self


def list_backups(repository: Repository, cache_folder: Path | None) -> tuple[BackupSummary, ...]:
    """Every set, newest first, forgotten ones too; without a cache folder all manifests are read.

    A set whose manifest is damaged is listed with `damage`, so that one flipped byte hides nothing.
    Raises StorageFailed.
    """
    return _summaries(repository, _listed(repository, cache_folder))


def _listed(repository: Repository, cache_folder: Path | None) -> Listed:
    # a cache that cannot be written is done without
    return list_repository(repository, cache_folder or Path(os.devnull))


def _summaries(repository: Repository, listed: Listed) -> tuple[BackupSummary, ...]:
    return tuple(_summary(repository, one) for one in listed.sets)


def summarise_repository(repository: Repository, cache_folder: Path | None) -> RepositorySummary:
    """The sets, what was left unfinished, and the room that all of it takes. Raises StorageFailed."""
    listed = _listed(repository, cache_folder)
    backups = _summaries(repository, listed)
    packs = sum(entry.size for entry in repository.backend.list(PACKS_FOLDER))
    return RepositorySummary(
        location=repository.backend.location,
        encrypted=repository.encrypted,
        backups=backups,
        unfinished=tuple(UnfinishedSummary(name, _operation(repository, name)) for name in listed.unfinished),
        stored_bytes=packs + sum(backup.record_bytes for backup in backups),
    )


def remaining(backups: Iterable[BackupSummary]) -> tuple[BackupSummary, ...]:
    """Those that nobody forgot."""
    return tuple(backup for backup in backups if backup.forgotten_at is None)


def _summary(repository: Repository, found: SetSummary) -> BackupSummary:
    if found.damage is not None:
        return _damaged(found, found.damage)
    try:
        document = repository.manifest(found.name).document if found.left_out else found.document
        network = typed(document, "network", dict)
        return BackupSummary(
            name=found.name,
            taken_at=found.taken_at,
            network=typed(network, "name", str),
            root_key_hash=bytes.fromhex(typed(network, "root_key_sha256", str)),
            operation=typed(document, "operation", str),
            canisters=tuple(_canister(item) for item in found.items),
            failures=tuple(_failure(table) for table in typed(document, "failures", list)),
            groups=tuple(_group(table) for table in typed(document, "groups", list)),
            record_bytes=found.record_bytes,
            standing=found.standing,
            forgotten_at=found.forgotten_at,
            damage=None,
        )
    except (KeyError, TypeError, ValueError) as error:
        return _damaged(found, f"Its manifest is not that of canisters: {error}")
    except (CorruptionError, ObjectMissing, NewerFormat) as error:
        return _damaged(found, str(error))


def _damaged(found: SetSummary, damage: str) -> BackupSummary:
    return BackupSummary(
        name=found.name,
        taken_at=found.taken_at,
        network="",
        root_key_hash=b"",
        operation="",
        canisters=(),
        failures=(),
        groups=(),
        record_bytes=found.record_bytes,
        standing=found.standing,
        forgotten_at=found.forgotten_at,
        damage=damage,
    )


def _canister(item: SetItem) -> CanisterSummary:
    table = item.fields
    return CanisterSummary(
        name=typed(table, "name", str),
        canister_id=typed(table, "id", str),
        taken_at=typed(table, "taken_at", datetime).astimezone(UTC),
        mode=typed(table, "mode", str),
        state_bytes=typed(table, "state_bytes", int),
        new_bytes=typed(table, "new_bytes", int),
        module_hash=bytes.fromhex(typed(table, "module_sha256", str)),
        group=typed(table, "group", str),
        warnings=tuple(str(warning) for warning in typed(table, "warnings", list)),
    )


def _failure(table: Mapping[str, Any]) -> FailureSummary:
    name, canister = typed(table, "name", str), typed(table, "id", str)
    return FailureSummary(name, canister, typed(table, "reason", str), typed(table, "next_step", str))


def _group(table: Mapping[str, Any]) -> GroupSummary:
    return GroupSummary(typed(table, "name", str), typed(table, "consistent", bool), typed(table, "reason", str))


def _operation(repository: Repository, name: str) -> str:
    try:
        operation = begun_by(repository.backend, name).get("operation")
    except (CorruptionError, ObjectMissing):
        return ""
    return operation if isinstance(operation, str) else ""
