"""Finding the restore point that the operator named, and what of it has to be sent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from quri_console.backup.browse import StoredCanister, latest_backup_of, open_backup, open_set, verify_canister
from quri_console.backup.interchange import SnapshotDirectory, is_zero, iter_slices, read_snapshot_directory
from quri_console.backup.manifest import MANIFEST_NAME
from quri_console.errors import CorruptionError
from quri_console.ic.encoding.principal import Principal
from quri_console.progress import Progress
from quri_console.restore.bill import Upload

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """A canister's copy in a set, all of whose digests were checked a moment ago."""

    set_path: Path
    stored: StoredCanister
    snapshot: SnapshotDirectory
    manifest_sha256: bytes
    upload: Upload

    @property
    def state_bytes(self) -> int:
        """Size of the snapshot that it becomes on chain."""
        return self.snapshot.state_bytes + sum(self.upload.chunks)


def find(repository: Path, canister: Principal, source: str, *, root_key_hash: bytes) -> Path:
    """The folder of the set called `source`, of the newest of this network that holds the canister, or at a path.

    Raises BackupNotFound, UsageError, CorruptionError.
    """
    if source == LATEST:
        return latest_backup_of(repository, canister, root_key_hash=root_key_hash).directory.parent
    if "/" in source:
        return open_set(Path(source).expanduser().resolve()).path
    return open_backup(repository, source).path


def open_point(set_path: Path, canister: Principal, progress: Progress) -> RestorePoint:
    """Verify every digest of the canister's files and measure what has to be sent. Raises CorruptionError."""
    stored = verify_canister(set_path, canister, progress)
    snapshot = read_snapshot_directory(stored.snapshot_directory, module_hash=stored.module_hash)
    try:
        manifest = hashlib.sha256((set_path / MANIFEST_NAME).read_bytes()).digest()
        sent, skipped = [], 0
        for part, data in iter_slices(snapshot):
            if is_zero(data):
                skipped += part.size
            else:
                sent.append(part.size)
        chunks = tuple(snapshot.chunk_path(digest).stat().st_size for digest in snapshot.metadata.wasm_chunk_store)
    except OSError as error:
        raise CorruptionError(f"{set_path} cannot be read", why=str(error)) from error
    return RestorePoint(set_path, stored, snapshot, manifest, Upload(tuple(sent), chunks, skipped))
