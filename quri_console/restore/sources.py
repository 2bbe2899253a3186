"""Finding the restore point that the operator named in a repository, and what of it has to be sent."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from quri_console.backup.browse import LATEST, StoredCanister, find_set, latest_backup_of, open_backup
from quri_console.backup.interchange import slices_of
from quri_console.backup.sides import BackupSide, parse_side
from quri_console.backup.state import StoredState, state_bytes
from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.errors import CorruptionError, RefusedBySafetyRule, UsageError
from quri_console.homes import spelt_out
from quri_console.ic.encoding.principal import Principal
from quri_console.progress import Progress, ProgressEvent
from quri_console.repository.sets import BACKUPS_FOLDER, is_set_name, manifest_object
from quri_console.repository.store import Repository
from quri_console.restore.bill import Upload

SNAPSHOT_PREFIX = "snapshot:"


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """A canister's copy in a set, every byte of which was read and compared a moment ago."""

    set_path: str
    stored: StoredCanister
    state: StoredState
    manifest_sha256: bytes
    upload: Upload

    @property
    def state_bytes(self) -> int:
        """Size of the snapshot that it becomes on chain."""
        return state_bytes(self.state)


def is_on_chain(source: str) -> bool:
    """Whether a source's name means a snapshot on chain."""
    return source.startswith(SNAPSHOT_PREFIX)


def whole_seconds_ns(moment: datetime) -> int:
    """A moment in nanoseconds since 1970, rounded down: a backup must not seem to be from a second that is to come."""
    return math.floor(moment.timestamp()) * NANOSECONDS_PER_SECOND


def find(repository: Repository, canister: Principal, source: str, *, root_key_hash: bytes, name: str = "") -> str:
    """Where the set called `source` lies, or the newest of this network that holds the canister, or one at a path.

    BACKUP/CANISTER is understood where it names this canister, by its id or `name`. Raises BackupNotFound, UsageError,
    CorruptionError; RefusedBySafetyRule for another canister's backup.
    """
    side = parse_side(source) if "/" in source else BackupSide(source)
    if not isinstance(side, BackupSide):
        path = spelt_out(source).resolve()
        opened, set_name = repository_at(repository, str(path))
        return f"{opened.backend.location}/{BACKUPS_FOLDER}/{find_set(opened, set_name)}"
    if side.canister is not None and side.canister not in (canister.to_str(), name):
        raise _of_another(source, side.canister, name or canister.to_str())
    if side.backup == LATEST:
        found = latest_backup_of(repository, canister, root_key_hash=root_key_hash).set_name
    else:
        found = find_set(repository, side.backup, canister.to_str() if side.canister else None)
    return f"{repository.backend.location}/{BACKUPS_FOLDER}/{found}"


def _of_another(source: str, owner: str, wanted: str) -> RefusedBySafetyRule:
    return RefusedBySafetyRule(
        f"{source} is a backup of {owner}, not of {wanted}",
        why="another canister's state would take the place of its own",
        next_step=f"If that is what you mean: quri-console restore {owner} --from {source.partition('/')[0]} "
        f"--to {wanted}.",
    )


def repository_at(repository: Repository, set_path: str) -> tuple[Repository, str]:
    """The repository of a set at a path, and the set's name; `repository` itself when it lies there.

    Raises UsageError for a path that is no set of a repository, RepositoryMissing.
    """
    path = Path(set_path)
    if path.parent.name != BACKUPS_FOLDER or not is_set_name(path.name):
        raise UsageError(
            f"{path} is no backup in a repository",
            next_step="Name a backup from `quri-console list`, or the path REPOSITORY/backups/SET. Folders and "
            "archives from elsewhere come in by `quri-console import`.",
        )
    root = path.parent.parent
    if str(root) == repository.backend.location:
        return repository, path.name
    return repository.another(root), path.name


def open_point(repository: Repository, set_path: str, canister: Principal, progress: Progress) -> RestorePoint:
    """Read every byte of the canister's copy, compare it, and measure what has to be sent.

    Raises CorruptionError, NoState, UsageError, WrongKey.
    """
    opened, name = repository_at(repository, set_path)
    stored = open_backup(opened, name).canister(canister)
    state = stored.require_state()
    manifest = hashlib.sha256(opened.backend.get(manifest_object(name))).digest()
    return RestorePoint(set_path, stored, state, manifest, _read_through(stored, state, progress))


def _read_through(stored: StoredCanister, state: StoredState, progress: Progress) -> Upload:
    total, done, skipped = state_bytes(state), 0, 0
    sent: list[int] = []
    module = hashlib.sha256()
    for part in slices_of(state.metadata):
        data = state.read(part)
        if part.blob == "wasm_module":
            module.update(data)
        if state.is_zero(part):
            skipped += part.size
        else:
            sent.append(part.size)
        done += part.size
        progress.report(ProgressEvent("verify", done, total, "bytes", subject=stored.name))
    if module.digest() != stored.module_hash:
        raise CorruptionError(
            f"The module of {stored.label} does not have the hash that the manifest names",
            next_step="Use another backup.",
        )
    chunks = []
    for digest in state.metadata.wasm_chunk_store:
        if hashlib.sha256(state.chunk(digest)).digest() != digest:
            raise CorruptionError(f"A chunk of the chunk store of {stored.label} does not have its hash")
        chunks.append(state.chunk_bytes(digest))
    return Upload(tuple(sent), tuple(chunks), skipped)


def upload_of(state: StoredState) -> Upload:
    """What would have to be sent, told from the lists of chunks: no chunk is read. Raises CorruptionError, WrongKey."""
    sent, skipped = [], 0
    for part in slices_of(state.metadata):
        if state.is_zero(part):
            skipped += part.size
        else:
            sent.append(part.size)
    return Upload(tuple(sent), tuple(state.chunk_bytes(digest) for digest in state.metadata.wasm_chunk_store), skipped)
