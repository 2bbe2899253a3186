"""`MANIFEST.toml`: what a backup set holds, and the digest of every file in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeVar, cast

from quri_console.backup.sealed import read_sealed, seal
from quri_console.errors import CorruptionError, QuriError
from quri_console.ic.encoding.principal import Principal

MANIFEST_NAME = "MANIFEST.toml"
MANIFEST_FORMAT = 1
Mode = Literal["stop", "hot"]
_FOLDER_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_Kind = TypeVar("_Kind")


class NewerFormat(QuriError):
    """A backup that a newer version of the tool wrote."""


@dataclass(frozen=True, slots=True)
class NetworkOrigin:
    """The network a set was taken on: its name in the configuration, and the SHA-256 of its root key's DER form."""

    name: str
    root_key_hash: bytes


@dataclass(frozen=True, slots=True)
class ManifestCanister:
    """One captured canister; `state_bytes` is module + heap + stable memory + chunk store."""

    canister: Principal
    name: str
    folder: str
    subnet: Principal | None
    taken_at: datetime
    mode: Mode
    status_before: str
    snapshot_id: bytes
    module_hash: bytes
    state_bytes: int


@dataclass(frozen=True, slots=True)
class ManifestFailure:
    """A canister that was asked for and is not in the set."""

    canister: Principal
    name: str
    reason: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file of the set; `path` is relative to the set's directory."""

    path: PurePosixPath
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """The commit point of a backup set."""

    taken_at: datetime
    tool: str
    operation: str
    network: NetworkOrigin
    canisters: tuple[ManifestCanister, ...]
    failures: tuple[ManifestFailure, ...]
    files: tuple[ManifestFile, ...]

    @property
    def partial(self) -> bool:
        """Whether a canister that was asked for is missing."""
        return bool(self.failures)

    def files_of(self, canister: ManifestCanister) -> tuple[ManifestFile, ...]:
        """The files in the canister's folder."""
        return tuple(file for file in self.files if file.path.parts[0] == canister.folder)


def encode_manifest(manifest: Manifest) -> bytes:
    """The sealed TOML text of a manifest."""
    return seal(
        {
            "format": MANIFEST_FORMAT,
            "tool": manifest.tool,
            "taken_at": manifest.taken_at,
            "operation": manifest.operation,
            "state": "partial" if manifest.partial else "whole",
            "network": {"name": manifest.network.name, "root_key_sha256": manifest.network.root_key_hash.hex()},
            "canisters": [_canister_table(canister) for canister in manifest.canisters],
            "failures": [
                {
                    "id": failure.canister.to_str(),
                    "name": failure.name,
                    "reason": failure.reason,
                    "next_step": failure.next_step,
                }
                for failure in manifest.failures
            ],
            "files": [
                {"path": str(file.path), "size": file.size, "sha256": file.sha256.hex()} for file in manifest.files
            ],
        }
    )


def _canister_table(canister: ManifestCanister) -> dict[str, object]:
    table: dict[str, object] = {
        "id": canister.canister.to_str(),
        "name": canister.name,
        "folder": canister.folder,
        "taken_at": canister.taken_at,
        "mode": canister.mode,
        "status_before": canister.status_before,
        "snapshot_id": canister.snapshot_id.hex(),
        "module_sha256": canister.module_hash.hex(),
        "state_bytes": canister.state_bytes,
    }
    if canister.subnet is not None:
        table["subnet"] = canister.subnet.to_str()
    return table


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a set; CorruptionError when it is damaged, NewerFormat when this version cannot read it."""
    path = directory / MANIFEST_NAME
    document = read_sealed(path)
    found = document.get("format")
    if found != MANIFEST_FORMAT:
        raise NewerFormat(
            f"{path} has format {found}",
            why=f"This version reads format {MANIFEST_FORMAT}.",
            next_step="Use the version of quri-console that wrote it, or a newer one.",
        )
    try:
        return _manifest(document)
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptionError(f"{path} is not a manifest", why=f"{type(error).__name__}: {error}") from error


def _manifest(document: Mapping[str, Any]) -> Manifest:
    network = _field(document, "network", dict)
    canisters = tuple(_canister(table) for table in _field(document, "canisters", list))
    folders = [canister.folder for canister in canisters]
    if len(set(folders)) != len(folders):
        raise ValueError("two canisters share one folder")
    return Manifest(
        taken_at=_field(document, "taken_at", datetime).astimezone(UTC),
        tool=_field(document, "tool", str),
        operation=_field(document, "operation", str),
        network=NetworkOrigin(_field(network, "name", str), _digest(network, "root_key_sha256")),
        canisters=canisters,
        failures=tuple(_failure(table) for table in _field(document, "failures", list)),
        files=tuple(_file(table, folders) for table in _field(document, "files", list)),
    )


def _canister(table: Mapping[str, Any]) -> ManifestCanister:
    mode, folder, subnet = _field(table, "mode", str), _field(table, "folder", str), table.get("subnet")
    if mode not in ("stop", "hot"):
        raise ValueError(f"mode {mode!r}")
    if not _FOLDER_PATTERN.fullmatch(folder):
        raise ValueError(f"folder {folder!r}")
    return ManifestCanister(
        canister=Principal.from_str(_field(table, "id", str)),
        name=_field(table, "name", str),
        folder=folder,
        subnet=None if subnet is None else Principal.from_str(subnet),
        taken_at=_field(table, "taken_at", datetime).astimezone(UTC),
        mode=cast(Mode, mode),
        status_before=_field(table, "status_before", str),
        snapshot_id=bytes.fromhex(_field(table, "snapshot_id", str)),
        module_hash=_digest(table, "module_sha256"),
        state_bytes=_natural(table, "state_bytes"),
    )


def _failure(table: Mapping[str, Any]) -> ManifestFailure:
    return ManifestFailure(
        canister=Principal.from_str(_field(table, "id", str)),
        name=_field(table, "name", str),
        reason=_field(table, "reason", str),
        next_step=_field(table, "next_step", str),
    )


def _file(table: Mapping[str, Any], folders: list[str]) -> ManifestFile:
    path = PurePosixPath(_field(table, "path", str))
    # a manifest may come from elsewhere: it must not name a file outside its own directory
    if path.is_absolute() or ".." in path.parts or len(path.parts) < 2 or path.parts[0] not in folders:
        raise ValueError(f"file path {str(path)!r}")
    return ManifestFile(path, _natural(table, "size"), _digest(table, "sha256"))


def _field(table: Mapping[str, Any], key: str, kind: type[_Kind]) -> _Kind:
    value = table[key]
    if not isinstance(value, kind):
        raise TypeError(f"{key} is a {type(value).__name__}")
    return value


def _natural(table: Mapping[str, Any], key: str) -> int:
    value = _field(table, key, int)
    if isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise ValueError(f"{key} = {value}")
    return value


def _digest(table: Mapping[str, Any], key: str) -> bytes:
    digest = bytes.fromhex(_field(table, key, str))
    if len(digest) != 32:
        raise ValueError(f"{key} has {len(digest)} bytes")
    return digest


def folder_name(name: str, canister: Principal, taken: set[str]) -> str:
    """The canister's folder in a set: its name where that is a safe and free file name, else its id."""
    usable = _FOLDER_PATTERN.fullmatch(name) and name.lower() not in {other.lower() for other in taken}
    return name if usable else canister.to_str()
