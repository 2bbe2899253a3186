"""What lies at a path and can be imported, told from names alone; nothing is read, and links are passed over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quri_console.backup.interchange import METADATA_NAME
from quri_console.backup.legacy import ARCHIVE_SUFFIX as LEGACY_SUFFIX
from quri_console.backup.legacy import MANIFEST_NAME as LEGACY_MANIFEST
from quri_console.backup.legacy import find_legacy
from quri_console.backup.legacy_texts import local_time
from quri_console.backup.old_set import SNAPSHOT_FOLDER
from quri_console.errors import UsageError
from quri_console.repository.archive import ARCHIVE_SUFFIX
from quri_console.repository.files import storage_errors
from quri_console.repository.sets import BACKUPS_FOLDER, MANIFEST_NAME
from quri_console.repository.store import REPOSITORY_FILE

SourceKind = Literal["snapshot directory", "old set", "legacy backup", "archive"]


@dataclass(frozen=True, slots=True)
class ImportSource:
    """One thing to import. `name` is what its folder is called, which may tell whose snapshot it is."""

    kind: SourceKind
    path: Path
    name: str


def find_sources(path: Path) -> tuple[ImportSource, ...]:
    """What lies at a path: one thing, or all that lie directly in a folder (or in its `backups`), by name.

    Raises UsageError when there is nothing that can be imported, StorageFailed.
    """
    if not os.path.lexists(path):
        raise UsageError(f"There is nothing at {path}")
    one = _source_at(path)
    if one is not None:
        return (one,)
    found = tuple(_sources_in(path)) if path.is_dir() else ()
    if not found:
        raise _nothing(path)
    return found


def _source_at(path: Path) -> ImportSource | None:
    name = path.absolute().name
    if path.is_file():
        kinds: dict[str, SourceKind] = {ARCHIVE_SUFFIX: "archive", LEGACY_SUFFIX: "legacy backup"}
        kind = next((kind for suffix, kind in kinds.items() if name.endswith(suffix)), None)
        return None if kind is None else ImportSource(kind, path, name)
    if (path / METADATA_NAME).is_file():
        owner = path.absolute().parent.name if name == SNAPSHOT_FOLDER else name
        return ImportSource("snapshot directory", path, owner)
    if (path / SNAPSHOT_FOLDER / METADATA_NAME).is_file():
        return ImportSource("snapshot directory", path / SNAPSHOT_FOLDER, name)
    if (path / MANIFEST_NAME).is_file():
        return ImportSource("old set", path, name)
    if path.is_dir() and (local_time(name) is not None or (path / LEGACY_MANIFEST).is_file()):
        return ImportSource("legacy backup", path, name)
    return None


def _sources_in(folder: Path) -> Iterator[ImportSource]:
    if (folder / REPOSITORY_FILE).exists():
        raise UsageError(
            f"{folder} is a repository",
            next_step="Seal a backup there by `quri-console archive`, and import the archive.",
        )
    if (folder / BACKUPS_FOLDER).is_dir():
        folder = folder / BACKUPS_FOLDER
    # of a run that has both a folder and an archive, the folder counts
    legacy = {path.name for path in find_legacy(folder)}
    with storage_errors(f"look through {folder.name}", folder), os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if not entry.name.startswith(".") and not entry.is_symlink())
    for name in names:
        found = _source_at(folder / name)
        twin = local_time(name.removesuffix(LEGACY_SUFFIX)) is not None and name not in legacy
        if found is not None and not (found.kind == "legacy backup" and twin):
            yield found


def _nothing(path: Path) -> UsageError:
    return UsageError(
        f"{path} is nothing that can be imported",
        why="It is neither a snapshot directory (with metadata.json), nor a set of the first version (MANIFEST.toml), "
        f"nor a backup of the old scripts (YYYYMMDD_HHMMSS, {LEGACY_SUFFIX}), nor an archive ({ARCHIVE_SUFFIX}), "
        "nor a folder of such.",
        next_step="Unpack other archives first, and name what is in them.",
    )
