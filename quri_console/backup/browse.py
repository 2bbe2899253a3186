"""Finding, opening and checking the backups in a repository."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.backup.files import hash_file, require_directory, storage_errors
from quri_console.backup.layout import backups_folder, set_names, set_time, unfinished_names
from quri_console.backup.manifest import (
    Manifest,
    ManifestCanister,
    ManifestFile,
    Mode,
    NetworkOrigin,
    NewerFormat,
    read_manifest,
)
from quri_console.errors import CorruptionError, ExitCode, QuriError, UsageError
from quri_console.ic.encoding.principal import Principal
from quri_console.progress import NoProgress, Progress, ProgressEvent

if TYPE_CHECKING:
    from quri_console.ic.management.types import CanisterStatus, SnapshotMetadata

STATUS_NAME = "status.toml"
SNAPSHOT_NAME = "snapshot"


@dataclass(frozen=True, slots=True)
class SummaryCanister:
    """One canister of a listed set."""

    name: str
    canister_id: str
    taken_at: datetime
    mode: Mode
    state_bytes: int
    module_hash: bytes


@dataclass(frozen=True, slots=True)
class BackupSummary:
    """One set as its manifest describes it; `damage` says why a manifest could not be read."""

    name: str
    path: Path
    taken_at: datetime
    network: str
    root_key_hash: bytes
    canisters: tuple[SummaryCanister, ...]
    failures: tuple[str, ...]
    stored_bytes: int
    damage: str | None = None

    @property
    def partial(self) -> bool:
        return bool(self.failures)


@dataclass(frozen=True, slots=True)
class StoredCanister:
    """One canister of an opened set, with what was recorded about it."""

    canister: Principal
    name: str
    set_name: str
    directory: Path
    taken_at: datetime
    mode: Mode
    network: NetworkOrigin
    subnet: Principal | None
    snapshot_id: bytes
    module_hash: bytes
    status: CanisterStatus
    metadata: SnapshotMetadata

    @property
    def label(self) -> str:
        """How the operator names it: `20250124T020000Z/rune-engine`."""
        return f"{self.set_name}/{self.name}"

    @property
    def snapshot_directory(self) -> Path:
        """The folder in the form that `icp canister snapshot upload` takes."""
        return self.directory / SNAPSHOT_NAME


@dataclass(frozen=True, slots=True)
class OpenBackup:
    """A set whose manifest was read; canisters are opened one by one."""

    name: str
    path: Path
    manifest: Manifest

    def canister(self, wanted: str | Principal) -> StoredCanister:
        """The stored canister with this name or id; UsageError when the set has none, CorruptionError when damaged."""
        text = wanted.to_str() if isinstance(wanted, Principal) else wanted
        for entry in self.manifest.canisters:
            if text in (entry.name, entry.canister.to_str()):
                return _stored(self, entry)
        raise UsageError(
            f"Backup {self.name} does not hold {text}",
            why=f"It holds {', '.join(entry.name for entry in self.manifest.canisters)}.",
            next_step="`quri-console list` shows what each backup holds.",
        )

    def canisters(self) -> tuple[StoredCanister, ...]:
        """All stored canisters; CorruptionError when the records of one are damaged."""
        return tuple(_stored(self, entry) for entry in self.manifest.canisters)


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify_backup` went through."""

    name: str
    files: int
    total_bytes: int
    canisters: tuple[str, ...]


class BackupNotFound(QuriError):
    """No backup has this name."""

    exit_code = ExitCode.REPOSITORY_MISSING


def list_backups(root: Path) -> tuple[BackupSummary, ...]:
    """All sets of the repository at `root`, newest first; empty when there is none yet.

    A set whose manifest is damaged is listed with `damage`, so that one flipped byte hides nothing.
    """
    with storage_errors("read the repository", root):
        names = set_names(root)
    return tuple(_summary(root, name) for name in reversed(names))


def list_unfinished(root: Path) -> tuple[Path, ...]:
    """Folders of backups that were interrupted or are still running: never backups."""
    with storage_errors("read the repository", root):
        return tuple(backups_folder(root) / name for name in unfinished_names(root))


def find_set(root: Path, name: str = "latest") -> Path:
    """The directory of the set called `name`, or of the newest. Raises BackupNotFound."""
    with storage_errors("read the repository", root):
        names = set_names(root)
    if name == "latest" and names:
        name = names[-1]
    if name not in names:
        raise BackupNotFound(
            f"There is no backup {name} in {root}" if names else f"There is no backup in {root} yet",
            next_step="`quri-console list` shows what there is, `quri-console backup` takes one.",
        )
    return backups_folder(root) / name


def open_backup(root: Path, name: str = "latest") -> OpenBackup:
    """The set called `name`, or the newest; BackupNotFound, CorruptionError, NewerFormat."""
    return open_set(find_set(root, name))


def open_set(path: Path) -> OpenBackup:
    """The set in directory `path`; CorruptionError or NewerFormat when its manifest cannot be used."""
    require_directory(path)
    return OpenBackup(path.name, path, read_manifest(path))


def latest_backup_of(root: Path, canister: Principal, *, root_key_hash: bytes = b"") -> StoredCanister:
    """The newest readable stored copy of a canister; BackupNotFound when no set holds one.

    Copies from the network with this root-key hash come first: one taken elsewhere may only be younger by accident.
    """
    holding = [
        summary
        for summary in list_backups(root)
        if any(entry.canister_id == canister.to_str() for entry in summary.canisters)
    ]
    if not holding:
        raise BackupNotFound(
            f"No backup of {canister.to_str()} in {root}",
            next_step="`quri-console backup` takes one; `quri-console list` shows what there is.",
        )
    chosen = next((summary for summary in holding if summary.root_key_hash == root_key_hash), holding[0])
    return open_backup(root, chosen.name).canister(canister)


def _summary(root: Path, name: str) -> BackupSummary:
    path = backups_folder(root) / name
    try:
        manifest = read_manifest(path)
    except (CorruptionError, NewerFormat) as error:
        return BackupSummary(name, path, set_time(name), "", b"", (), (), 0, damage=str(error))
    return BackupSummary(
        name=name,
        path=path,
        taken_at=manifest.taken_at,
        network=manifest.network.name,
        root_key_hash=manifest.network.root_key_hash,
        canisters=tuple(
            SummaryCanister(
                entry.name,
                entry.canister.to_str(),
                entry.taken_at,
                entry.mode,
                entry.state_bytes,
                entry.module_hash,
            )
            for entry in manifest.canisters
        ),
        failures=tuple(f"{failure.name}: {failure.reason}" for failure in manifest.failures),
        stored_bytes=sum(file.size for file in manifest.files),
    )


def _stored(backup: OpenBackup, entry: ManifestCanister) -> StoredCanister:
    from quri_console.backup.interchange import read_metadata
    from quri_console.backup.status_record import decode_status

    directory = backup.path / entry.folder
    require_directory(directory)
    return StoredCanister(
        canister=entry.canister,
        name=entry.name,
        set_name=backup.name,
        directory=directory,
        taken_at=entry.taken_at,
        mode=entry.mode,
        network=backup.manifest.network,
        subnet=entry.subnet,
        snapshot_id=entry.snapshot_id,
        module_hash=entry.module_hash,
        status=decode_status(directory / STATUS_NAME),
        metadata=read_metadata(directory / SNAPSHOT_NAME),
    )


def verify_backup(path: Path, progress: Progress | None = None) -> Verification:
    """Read every file of the set at `path` again and compare it with the manifest; then the snapshots' own sizes.

    Raises CorruptionError naming the damaged file and its canister.
    """
    backup, report = open_set(path), progress or NoProgress()
    files, total, done = backup.manifest.files, sum(file.size for file in backup.manifest.files), 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        report.report(ProgressEvent("verify", done, total, "bytes", subject=backup.name))

    for entry in backup.manifest.canisters:
        _verify_entry(backup, entry, advance)
    return Verification(backup.name, len(files), total, tuple(entry.name for entry in backup.manifest.canisters))


def verify_canister(path: Path, canister: Principal, progress: Progress | None = None) -> StoredCanister:
    """As `verify_backup` for one canister of the set; what a restore runs before it trusts a copy."""
    backup, report = open_set(path), progress or NoProgress()
    entry = next((entry for entry in backup.manifest.canisters if entry.canister == canister), None)
    if entry is None:
        return backup.canister(canister)  # raises, naming what the set holds
    total, done = sum(file.size for file in backup.manifest.files_of(entry)), 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        report.report(ProgressEvent("verify", done, total, "bytes", subject=entry.name))

    return _verify_entry(backup, entry, advance)


def _verify_entry(backup: OpenBackup, entry: ManifestCanister, advance: Callable[[int], None]) -> StoredCanister:
    from quri_console.backup.interchange import REQUIRED_FILES, read_snapshot_directory

    folder = backup.path / entry.folder
    require_directory(folder)
    require_directory(folder / SNAPSHOT_NAME)
    files = backup.manifest.files_of(entry)
    listed = {str(file.path) for file in files}
    for name in (STATUS_NAME, *(f"{SNAPSHOT_NAME}/{required}" for required in REQUIRED_FILES)):
        if f"{entry.folder}/{name}" not in listed:
            raise CorruptionError(f"The manifest of backup {backup.name} does not list {entry.folder}/{name}")
    for file in files:
        _verify_file(backup, entry, file, advance)
    read_snapshot_directory(folder / SNAPSHOT_NAME, module_hash=entry.module_hash)
    return backup.canister(entry.canister)


def _verify_file(
    backup: OpenBackup, entry: ManifestCanister, file: ManifestFile, advance: Callable[[int], None]
) -> None:
    size, digest = hash_file(backup.path.joinpath(*file.path.parts), advance)
    if (size, digest) == (file.size, file.sha256):
        return
    cause = "Its SHA-256 is not the one in the manifest."
    raise CorruptionError(
        f"{file.path} of {entry.name} in backup {backup.name} is damaged",
        why=cause if size == file.size else f"It has {size} bytes instead of {file.size}.",
        next_step="Do not restore from this backup; take a new one, and check the disk.",
    )
