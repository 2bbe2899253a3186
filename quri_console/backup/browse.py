"""Finding and opening the backups in a repository."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from quri_console.backup.manifest import Manifest, ManifestCanister, Mode, NetworkOrigin, manifest_of
from quri_console.backup.snapshot_record import SNAPSHOT_RECORD, decode_snapshot_record
from quri_console.backup.state import StoredState
from quri_console.clock import utc_datetime
from quri_console.errors import CorruptionError, ExitCode, QuriError, UsageError
from quri_console.ic.encoding.principal import Principal
from quri_console.repository.backend import ObjectMissing
from quri_console.repository.errors import NewerFormat
from quri_console.repository.marks import read_marks, standing
from quri_console.repository.sets import is_set_name, manifest_object
from quri_console.repository.store import Repository
from quri_console.repository.trash import remaining_set_names

if TYPE_CHECKING:
    from quri_console.ic.management.types import CanisterStatus, SnapshotMetadata

STATUS_NAME = "status.toml"
EXTRAS_NAME = "extras.toml"
INTERFACE_NAME = "interface.did"
EXPORT_NAME = "export.candid"
HEALTH_NAME = "health.toml"
LATEST = "latest"
LIVE = "live"
_OPERATION_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[a-z].*")
_NAMED_MATCHES = 5
# the copies that are meant first have the lowest rank; None: not meant at all
_Rank = Callable[["OpenBackup", ManifestCanister], "int | None"]


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
            if _called(entry, text):
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


def find_set(repository: Repository, name: str = LATEST, canister: str | None = None) -> str:
    """The name of the set that an operator calls so: its whole name, how only it begins, or `latest`.

    BACKUP/CANISTER (a name or an id) is understood as well. `latest` is the newest set; where a canister is named, the
    newest that holds it, one with its state and without known damage before others. A forgotten set is meant only by
    its whole name. Raises BackupNotFound; UsageError for a canister that is not held, and for `live`.
    """
    backup, _, behind = name.partition("/")
    canister = canister or behind or None
    if backup == LIVE or backup.startswith(f"{LIVE}:"):
        raise _not_on_chain(name, canister or backup.removeprefix(LIVE)[1:])
    names = remaining_set_names(repository.backend)
    if backup == LATEST and names:
        return names[-1] if canister is None else _newest_with(repository, canister)
    if not (is_set_name(backup) and repository.backend.head(manifest_object(backup)) is not None):
        backup = _begins(repository, backup, names)
    if canister is not None:
        _require_held(repository, backup, canister)
    return backup


def is_operation_id(text: str) -> bool:
    """Whether this looks like the id of an operation, which begins like the name of a set."""
    return _OPERATION_ID.fullmatch(text) is not None


def _begins(repository: Repository, beginning: str, names: Sequence[str]) -> str:
    found = [known for known in names if beginning and known.startswith(beginning)]
    if len(found) != 1:
        raise _not_found(repository.backend.location, beginning, names, found)
    return found[0]


def _require_held(repository: Repository, name: str, canister: str) -> None:
    try:
        backup = OpenBackup(repository, manifest_of(repository.manifest(name)))
    except (CorruptionError, ObjectMissing):
        return  # whoever reads the set says so; it can be forgotten all the same
    backup.entry(canister)


def _not_found(where: str, name: str, names: Sequence[str], found: Sequence[str]) -> BackupNotFound:
    what, why = f"There is no backup {name} in {where}", ""
    next_step = "`quri-console list` shows what there is, `quri-console backup` takes one."
    if is_operation_id(name):
        what = f"{name} is the id of an operation, not a backup"
        next_step = f"`quri-console operations show {name}` shows it; `quri-console list` shows the backups."
    elif found:
        shown = ", ".join(sorted(found, reverse=True)[:_NAMED_MATCHES])
        more = len(found) - _NAMED_MATCHES
        what = f"{len(found)} backups in {where} begin with {name}"
        why = f"They are {shown}" + (f" and {more} more." if more > 0 else ".")
        next_step = "Write more of the name; `quri-console list` shows what there is."
    elif not names:
        what = f"There is no backup in {where} yet"
    elif name[:1].isalpha() and name != LATEST:
        why = "A canister is named behind a backup."
        next_step = f"Write BACKUP/CANISTER, as latest/{name}; `quri-console list` shows what there is."
    return BackupNotFound(what, why=why, next_step=next_step)


def _not_on_chain(name: str, canister: str) -> UsageError:
    one = canister or "CANISTER"
    return UsageError(
        f"{name} is the canister as it is on chain, and this command reads backups",
        next_step=f"`quri-console diff latest/{one} live:{one}` compares the two, `quri-console backup {one}` takes a "
        f"backup, latest/{one} names the newest.",
    )


def open_backup(repository: Repository, name: str = LATEST, canister: str | None = None) -> OpenBackup:
    """The set that `find_set` finds. Raises as that does, CorruptionError, NewerFormat."""
    return OpenBackup(repository, manifest_of(repository.manifest(find_set(repository, name, canister))))


def readable_backups(repository: Repository) -> tuple[OpenBackup, ...]:
    """Every set that nobody forgot and whose manifest can be read, newest first."""
    return tuple(_readable(repository))


def _readable(repository: Repository) -> Iterator[OpenBackup]:
    for name in reversed(remaining_set_names(repository.backend)):
        try:
            yield OpenBackup(repository, manifest_of(repository.manifest(name)))
        except (CorruptionError, ObjectMissing, NewerFormat):
            continue  # `list` and `check` name it


def latest_backup_of(repository: Repository, canister: Principal, *, root_key_hash: bytes = b"") -> StoredCanister:
    """The newest readable copy of a canister with its state; BackupNotFound when no set holds one.

    Copies from the network with this root-key hash come first: one taken elsewhere may only be younger by accident;
    then those in sets without known damage. Forgotten sets do not count.
    """

    def rank(backup: OpenBackup, entry: ManifestCanister) -> int | None:
        if entry.canister != canister or not entry.has_state:
            return None
        elsewhere = bool(root_key_hash) and backup.manifest.network.root_key_hash != root_key_hash
        return 2 * elsewhere + _known_damaged(repository, backup.name)

    found = _newest_of_rank(repository, rank)
    if found is None:
        raise BackupNotFound(
            f"No backup of {canister.to_str()} with its state in {repository.backend.location}",
            next_step="`quri-console backup` takes one; `quri-console list` shows what there is.",
        )
    backup, entry = found
    return stored_canister(repository, backup.manifest, entry)


def _newest_with(repository: Repository, canister: str) -> str:
    def rank(backup: OpenBackup, entry: ManifestCanister) -> int | None:
        if not _called(entry, canister):
            return None
        return 2 * _known_damaged(repository, backup.name) + (not entry.has_state)

    found = _newest_of_rank(repository, rank)
    if found is None:
        raise UsageError(
            f"No backup in {repository.backend.location} holds {canister}",
            next_step=f"`quri-console list` shows what each backup holds, `quri-console backup {canister}` takes one.",
        )
    return found[0].name


def _newest_of_rank(repository: Repository, rank: _Rank) -> tuple[OpenBackup, ManifestCanister] | None:
    """The newest copy of the lowest rank; no older set is read once there is one of rank 0."""
    best: tuple[int, OpenBackup, ManifestCanister] | None = None
    for backup in _readable(repository):
        for entry in backup.manifest.canisters:
            number = rank(backup, entry)
            if number is not None and (best is None or number < best[0]):
                best = number, backup, entry
        if best is not None and best[0] == 0:
            break
    return None if best is None else best[1:]


def _known_damaged(repository: Repository, name: str) -> bool:
    marks, unreadable = read_marks(repository.backend, name)
    return standing(marks, unreadable, utc_datetime(repository.clock.now_ns())).damaged_at is not None


def _called(entry: ManifestCanister, text: str) -> bool:
    return text in (entry.name, entry.canister.to_str(), entry.folder)
