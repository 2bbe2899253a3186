"""Finding and opening the backups in a repository."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from quri_console.backup.manifest import Manifest, ManifestCanister, Mode, NetworkOrigin, manifest_of
from quri_console.backup.snapshot_record import SNAPSHOT_RECORD, decode_snapshot_record
from quri_console.backup.state import StoredState
from quri_console.errors import CorruptionError, ExitCode, QuriError, UsageError
from quri_console.ic.encoding.principal import Principal
from quri_console.repository.backend import ObjectMissing
from quri_console.repository.errors import NewerFormat
from quri_console.repository.sets import is_set_name, manifest_object
from quri_console.repository.store import Repository
from quri_console.repository.trash import remaining_set_names

if TYPE_CHECKING:
    from quri_console.ic.management.types import CanisterStatus, SnapshotMetadata

STATUS_NAME = "status.toml"
EXTRAS_NAME = "extras.toml"
INTERFACE_NAME = "interface.did"
EXPORT_NAME = "export.candid"
LATEST = "latest"


class BackupNotFound(QuriError):
    """No backup has this name."""

    exit_code = ExitCode.REPOSITORY_MISSING


@dataclass(frozen=True, slots=True)
class StoredCanister:
    """One canister of an opened set, with what was recorded about it."""

    repository: Repository
    manifest: Manifest
    entry: ManifestCanister
    status: CanisterStatus | None
    """None where nothing but public facts could be seen."""
    state: StoredState | None
    """None where the set holds no state of it (mode `metadata` or `legacy`)."""

    @property
    def canister(self) -> Principal:
        return self.entry.canister

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def set_name(self) -> str:
        return self.manifest.name

    @property
    def taken_at(self) -> datetime:
        return self.entry.taken_at

    @property
    def mode(self) -> Mode:
        return self.entry.mode

    @property
    def network(self) -> NetworkOrigin:
        return self.manifest.network

    @property
    def module_hash(self) -> bytes:
        return self.entry.module_hash

    @property
    def label(self) -> str:
        """How the operator names it: `20250124T020000Z/rune-engine`."""
        return f"{self.set_name}/{self.name}"

    @property
    def metadata(self) -> SnapshotMetadata:
        """The snapshot's. Raises NoState."""
        return self.require_state().metadata

    def require_state(self) -> StoredState:
        """The bytes. Raises NoState when the set has none of it."""
        if self.state is None:
            raise NoState(
                f"{self.label} holds no state, only what could be seen of the canister",
                why=f"It was taken in mode {self.mode}.",
                next_step="Use a backup with state; `quri-console list` shows which have it.",
            )
        return self.state

    def record(self, name: str) -> bytes | None:
        """A record of it by its file's name; None when there is none. Raises CorruptionError, WrongKey."""
        path = f"{self.entry.folder}/{name}"
        return self.repository.record(self.manifest.raw, path) if self.manifest.raw.file(path) else None


class NoState(QuriError):
    """A backup that nothing can be restored from."""

    exit_code = ExitCode.REFUSED


@dataclass(frozen=True, slots=True)
class OpenBackup:
    """A set whose manifest was read; canisters are opened one by one."""

    repository: Repository
    manifest: Manifest

    @property
    def name(self) -> str:
        return self.manifest.name

    def canister(self, wanted: str | Principal) -> StoredCanister:
        """The stored canister with this name or id; UsageError when the set has none, CorruptionError when damaged."""
        return stored_canister(self.repository, self.manifest, self.entry(wanted))

    def entry(self, wanted: str | Principal) -> ManifestCanister:
        """What the manifest says of the canister with this name or id. Raises UsageError."""
        text = wanted.to_str() if isinstance(wanted, Principal) else wanted
        for entry in self.manifest.canisters:
            if text in (entry.name, entry.canister.to_str(), entry.folder):
                return entry
        raise UsageError(
            f"Backup {self.name} does not hold {text}",
            why=f"It holds {', '.join(entry.name for entry in self.manifest.canisters)}.",
            next_step="`quri-console list` shows what each backup holds.",
        )

    def canisters(self) -> tuple[StoredCanister, ...]:
        """All stored canisters; CorruptionError when the records of one are damaged."""
        return tuple(stored_canister(self.repository, self.manifest, entry) for entry in self.manifest.canisters)


def stored_canister(repository: Repository, manifest: Manifest, entry: ManifestCanister) -> StoredCanister:
    """One canister of a set, its records read. Raises CorruptionError, WrongKey."""
    from quri_console.backup.status_record import decode_status

    status_path, snapshot_path = f"{entry.folder}/{STATUS_NAME}", f"{entry.folder}/{SNAPSHOT_RECORD}"
    status = state = None
    if manifest.raw.file(status_path) is not None:
        status = decode_status(repository.record(manifest.raw, status_path), f"{manifest.name}/{status_path}")
    if entry.has_state:
        record = repository.record(manifest.raw, snapshot_path)
        metadata, sizes = decode_snapshot_record(record, f"{manifest.name}/{snapshot_path}")
        state = StoredState(repository, manifest.raw, entry.folder, metadata, sizes)
    return StoredCanister(repository, manifest, entry, status, state)


def find_set(repository: Repository, name: str = LATEST) -> str:
    """The name of the set called `name`, of the only one that begins so, or of the newest. Raises BackupNotFound.

    A forgotten set is meant only by its whole name.
    """
    names = remaining_set_names(repository.backend)
    if name == LATEST and names:
        return names[-1]
    if is_set_name(name) and repository.backend.head(manifest_object(name)) is not None:
        return name
    found = [known for known in names if name and known.startswith(name)]
    if len(found) == 1:
        return found[0]
    where = repository.backend.location
    raise BackupNotFound(
        f"{len(found)} backups in {where} begin with {name}"
        if found
        else f"There is no backup {name} in {where}"
        if names
        else f"There is no backup in {where} yet",
        next_step="`quri-console list` shows what there is, `quri-console backup` takes one.",
    )


def open_backup(repository: Repository, name: str = LATEST) -> OpenBackup:
    """The set called `name`, or the newest. Raises BackupNotFound, CorruptionError, NewerFormat."""
    return OpenBackup(repository, manifest_of(repository.manifest(find_set(repository, name))))


def readable_backups(repository: Repository) -> tuple[OpenBackup, ...]:
    """Every set that nobody forgot and whose manifest can be read, newest first."""
    found = []
    for name in reversed(remaining_set_names(repository.backend)):
        try:
            found.append(OpenBackup(repository, manifest_of(repository.manifest(name))))
        except (CorruptionError, ObjectMissing, NewerFormat):
            continue  # `list` and `check` name it
    return tuple(found)


def latest_backup_of(repository: Repository, canister: Principal, *, root_key_hash: bytes = b"") -> StoredCanister:
    """The newest readable copy of a canister with its state; BackupNotFound when no set holds one.

    Copies from the network with this root-key hash come first: one taken elsewhere may only be younger by accident.
    Forgotten sets do not count.
    """
    remaining = set(remaining_set_names(repository.backend))
    holding = [
        (backup, entry)
        for backup in readable_backups(repository)
        for entry in backup.manifest.canisters
        if backup.name in remaining and entry.canister == canister and entry.has_state
    ]
    if not holding:
        raise BackupNotFound(
            f"No backup of {canister.to_str()} with its state in {repository.backend.location}",
            next_step="`quri-console backup` takes one; `quri-console list` shows what there is.",
        )
    here = (pair for pair in holding if pair[0].manifest.network.root_key_hash == root_key_hash)
    backup, entry = next(here, holding[0])
    return stored_canister(repository, backup.manifest, entry)
