"""Backup sets: a timestamped folder of records and chunk lists, whose manifest, written last, is the commit point."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, TypeVar

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.errors import CorruptionError
from quri_console.repository.backend import Backend
from quri_console.repository.errors import NewerFormat
from quri_console.repository.sealed import seal, unseal

BACKUPS_FOLDER = "backups"
MANIFEST_NAME = "MANIFEST.toml"
BEGUN_NAME = "BEGUN.toml"
UNFINISHED_FOLDER = "unfinished"
"""Below a set: what a resumed run needs to know; of no meaning once the manifest stands."""
CHUNKS_SUFFIX = ".chunks"
MANIFEST_FORMAT = 2
_TIME_FORMAT = "%Y%m%dT%H%M%SZ"
_SET_PATTERN = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")
_FOLDER_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RESERVED = ("format", "repository", "set", "files", "items")
_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a set as it lies there; `path` is relative to the set. Encrypted, size and digest are those then."""

    path: str
    size: int
    sha256: bytes

    @property
    def is_chunk_list(self) -> bool:
        return self.path.endswith(CHUNKS_SUFFIX)


@dataclass(frozen=True, slots=True)
class SetItem:
    """One thing that the set holds a copy of: `folder` its files, `subject` what it is a copy of (opaque here).

    `fields` are the caller's own.
    """

    folder: str
    subject: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SetManifest:
    """The commit point of a set. `document` are the caller's own tables."""

    name: str
    repository_id: str
    items: tuple[SetItem, ...]
    files: tuple[StoredFile, ...]
    document: Mapping[str, Any]

    @property
    def taken_at(self) -> datetime:
        """The time in the set's name."""
        return set_time(self.name)

    @property
    def subjects(self) -> frozenset[str]:
        """What it holds copies of."""
        return frozenset(item.subject for item in self.items)

    def file(self, path: str) -> StoredFile | None:
        """The file at a path; None when the set has none there."""
        return next((file for file in self.files if file.path == path), None)

    def files_of(self, folder: str) -> tuple[StoredFile, ...]:
        """The files in an item's folder."""
        return tuple(file for file in self.files if file.path.startswith(f"{folder}/"))

    def chunk_lists(self) -> tuple[StoredFile, ...]:
        """Every list of chunks in it."""
        return tuple(file for file in self.files if file.is_chunk_list)


def set_name(timestamp_ns: int) -> str:
    """The name of a set begun at a time in nanoseconds since 1970: `20250124T020000Z`."""
    return datetime.fromtimestamp(timestamp_ns // NANOSECONDS_PER_SECOND, UTC).strftime(_TIME_FORMAT)


def set_time(name: str) -> datetime:
    """The UTC time in the name of a set; ValueError when it is not such a name."""
    # several times as fast as strptime, which counts where a thousand sets are listed
    match = _SET_PATTERN.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is not the name of a set")
    year, month, day, hour, minute, second = map(int, match.groups())
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def is_set_name(name: str) -> bool:
    """Whether a folder of this name is a set."""
    try:
        set_time(name)
    except ValueError:
        return False
    return True


def set_folder(name: str) -> str:
    """The folder of a set's objects."""
    return f"{BACKUPS_FOLDER}/{name}"


def manifest_object(name: str) -> str:
    """The object of a set's manifest."""
    return f"{BACKUPS_FOLDER}/{name}/{MANIFEST_NAME}"


def set_names(backend: Backend) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The committed sets and the unfinished ones, each oldest first."""
    names = [name for name in backend.folders(BACKUPS_FOLDER) if is_set_name(name)]
    committed = tuple(name for name in names if backend.head(manifest_object(name)) is not None)
    return committed, tuple(name for name in names if name not in set(committed))


def encode_manifest(manifest: SetManifest) -> bytes:
    """The sealed TOML text of a manifest; ValueError when `document` uses a key that is ours."""
    taken = [key for key in manifest.document if key in _RESERVED]
    if taken:
        raise ValueError(f"{taken[0]!r} is the manifest's own")
    return seal(
        {
            "format": MANIFEST_FORMAT,
            "repository": manifest.repository_id,
            "set": manifest.name,
            **manifest.document,
            "items": [{**item.fields, "folder": item.folder, "subject": item.subject} for item in manifest.items],
            "files": [{"path": file.path, "size": file.size, "sha256": file.sha256.hex()} for file in manifest.files],
        }
    )


def decode_manifest(data: bytes, origin: str) -> SetManifest:
    """The manifest in sealed TOML. Raises CorruptionError naming `origin`, NewerFormat."""
    document = unseal(data, origin)
    found = document.get("format")
    if isinstance(found, int) and found > MANIFEST_FORMAT:
        raise NewerFormat(
            f"{origin} has format {found}",
            why=f"This version reads format {MANIFEST_FORMAT}.",
            next_step="Use the version of quri-console that wrote it, or a newer one.",
        )
    try:
        if found != MANIFEST_FORMAT:
            raise ValueError(f"format {found}")
        return _manifest(document)
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptionError(f"{origin} is not a manifest", why=f"{type(error).__name__}: {error}") from error


def _manifest(document: Mapping[str, Any]) -> SetManifest:
    items = tuple(_item(table) for table in typed(document, "items", list))
    folders = [item.folder for item in items]
    if len(set(folders)) != len(folders):
        raise ValueError("two items share one folder")
    name = typed(document, "set", str)
    if not is_set_name(name):
        raise ValueError(f"set {name!r}")
    return SetManifest(
        name=name,
        repository_id=typed(document, "repository", str),
        items=items,
        files=tuple(_file(table, folders) for table in typed(document, "files", list)),
        document={key: value for key, value in document.items() if key not in _RESERVED},
    )


def _item(table: Mapping[str, Any]) -> SetItem:
    folder = typed(table, "folder", str)
    if not _FOLDER_PATTERN.fullmatch(folder) or folder == UNFINISHED_FOLDER:
        raise ValueError(f"folder {folder!r}")
    own = {key: value for key, value in table.items() if key not in ("folder", "subject")}
    return SetItem(folder, typed(table, "subject", str), own)


def _file(table: Mapping[str, Any], folders: list[str]) -> StoredFile:
    text = typed(table, "path", str)
    path = PurePosixPath(text)
    # a manifest may come from elsewhere: it must not name a file outside its own folder
    if str(path) != text or len(path.parts) != 2 or path.parts[0] not in folders or ".." in path.parts:
        raise ValueError(f"file path {text!r}")
    size, digest = typed(table, "size", int), bytes.fromhex(typed(table, "sha256", str))
    if isinstance(size, bool) or size < 0 or len(digest) != 32:
        raise ValueError(f"size or digest of {text}")
    return StoredFile(text, size, digest)


def typed(table: Mapping[str, Any], key: str, kind: type[_Kind]) -> _Kind:
    """The value of a key; KeyError or ValueError when it is missing or of another type."""
    value = table[key]
    if not isinstance(value, kind):
        raise ValueError(f"{key} is a {type(value).__name__}")
    return value
