"""Backup sets of this tool's first version: a folder per canister with `status.toml` and a plain snapshot directory.

They are only read: `import` takes them into a repository.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from quri_console.backup.browse import STATUS_NAME
from quri_console.backup.interchange import REQUIRED_FILES, SnapshotDirectory, read_snapshot_directory
from quri_console.backup.manifest import ManifestFailure, NetworkOrigin
from quri_console.backup.status_record import decode_status
from quri_console.errors import CorruptionError, UsageError
from quri_console.ic.encoding.principal import Principal
from quri_console.repository.files import hash_file, read_small, require_directory
from quri_console.repository.sealed import RECORD_LIMIT_BYTES, read_sealed
from quri_console.repository.sets import MANIFEST_NAME, typed

OLD_FORMAT = 1
SNAPSHOT_FOLDER = "snapshot"
_FOLDER_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class OldFile:
    """One file of the set; `path` is relative to it."""

    path: PurePosixPath
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class OldCanister:
    """One canister of the set, as the manifest has it."""

    canister: Principal
    name: str
    folder: str
    subnet: Principal | None
    taken_at: datetime
    mode: str
    status_before: str
    snapshot_id: bytes
    module_hash: bytes
    files: tuple[OldFile, ...]


@dataclass(frozen=True, slots=True)
class OldSet:
    """The set in the folder `path`."""

    path: Path
    taken_at: datetime
    operation: str
    network: NetworkOrigin
    canisters: tuple[OldCanister, ...]
    failures: tuple[ManifestFailure, ...]

    def state(self, canister: OldCanister) -> SnapshotDirectory:
        """The canister's snapshot, once every file of it was compared with the manifest. Raises CorruptionError."""
        listed = {str(file.path) for file in canister.files}
        for name in (STATUS_NAME, *(f"{SNAPSHOT_FOLDER}/{required}" for required in REQUIRED_FILES)):
            if f"{canister.folder}/{name}" not in listed:
                raise CorruptionError(f"{self.path / MANIFEST_NAME} does not list {canister.folder}/{name}")
        require_directory(self.path / canister.folder)
        for file in canister.files:
            if hash_file(self.path / file.path) != (file.size, file.sha256):
                raise CorruptionError(
                    f"{self.path / file.path} is damaged",
                    why="Its size or SHA-256 is not that of the manifest.",
                    next_step="Import another backup.",
                )
        return read_snapshot_directory(self.path / canister.folder / SNAPSHOT_FOLDER, module_hash=canister.module_hash)

    def status_record(self, canister: OldCanister) -> bytes:
        """The bytes of its `status.toml`, which were looked through. Raises CorruptionError."""
        path = self.path / canister.folder / STATUS_NAME
        data = read_small(path, RECORD_LIMIT_BYTES)
        decode_status(data, str(path))
        return data


def read_old_set(path: Path) -> OldSet:
    """The set in a folder. Raises CorruptionError, UsageError for a set that lies in a repository."""
    require_directory(path)
    place = path / MANIFEST_NAME
    document = read_sealed(place)
    if document.get("format") != OLD_FORMAT:
        raise UsageError(
            f"{path} is not a set of the first version",
            why=f"{MANIFEST_NAME} has format {document.get('format')}: such a set is a part of its repository.",
            next_step="Seal it there by `quri-console archive`, and import the archive.",
        )
    try:
        return _old_set(path, document)
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptionError(f"{place} is not a manifest", why=f"{type(error).__name__}: {error}") from error


def _old_set(path: Path, document: Mapping[str, Any]) -> OldSet:
    network = typed(document, "network", dict)
    tables = typed(document, "canisters", list)
    folders = [typed(table, "folder", str) for table in tables]
    if len(set(folders)) != len(folders) or not all(map(_FOLDER_PATTERN.fullmatch, folders)):
        raise ValueError("a canister's folder")
    files = [_file(table, folders) for table in typed(document, "files", list)]
    return OldSet(
        path=path,
        taken_at=typed(document, "taken_at", datetime).astimezone(UTC),
        operation=typed(document, "operation", str),
        network=NetworkOrigin(typed(network, "name", str), _digest(network, "root_key_sha256")),
        canisters=tuple(_canister(table, files) for table in tables),
        failures=tuple(_failure(table) for table in typed(document, "failures", list)),
    )


def _canister(table: Mapping[str, Any], files: list[OldFile]) -> OldCanister:
    folder, subnet = typed(table, "folder", str), table.get("subnet")
    return OldCanister(
        canister=Principal.from_str(typed(table, "id", str)),
        name=typed(table, "name", str),
        folder=folder,
        subnet=None if subnet is None else Principal.from_str(subnet),
        taken_at=typed(table, "taken_at", datetime).astimezone(UTC),
        mode=typed(table, "mode", str),
        status_before=typed(table, "status_before", str),
        snapshot_id=bytes.fromhex(typed(table, "snapshot_id", str)),
        module_hash=_digest(table, "module_sha256"),
        files=tuple(file for file in files if file.path.parts[0] == folder),
    )


def _failure(table: Mapping[str, Any]) -> ManifestFailure:
    canister, name = Principal.from_str(typed(table, "id", str)), typed(table, "name", str)
    return ManifestFailure(canister, name, typed(table, "reason", str), typed(table, "next_step", str))


def _file(table: Mapping[str, Any], folders: list[str]) -> OldFile:
    path = PurePosixPath(typed(table, "path", str))
    # it may come from anywhere: a manifest must not name a file outside its own folder
    if path.is_absolute() or ".." in path.parts or len(path.parts) < 2 or path.parts[0] not in folders:
        raise ValueError(f"file path {str(path)!r}")
    return OldFile(path, typed(table, "size", int), _digest(table, "sha256"))


def _digest(table: Mapping[str, Any], key: str) -> bytes:
    digest = bytes.fromhex(typed(table, key, str))
    if len(digest) != 32:
        raise ValueError(f"{key} has {len(digest)} bytes")
    return digest
