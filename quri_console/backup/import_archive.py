"""Taking over the archive of a backup set, unless the repository holds that set already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from quri_console.backup.import_backup import Imported, Target, begun_document, require_past
from quri_console.backup.import_sources import ImportSource
from quri_console.backup.manifest import manifest_of
from quri_console.repository.archive_reading import open_archive
from quri_console.repository.listing import list_sets
from quri_console.repository.set_import import IMPORTED_FROM, import_archive
from quri_console.repository.sets import SetManifest
from quri_console.repository.store import Repository, Unlock


def import_archive_file(source: ImportSource, target: Target, *, unlock: Unlock) -> Imported:
    """The set in an archive, under its own name where that is free; `unlock` opens an encrypted archive.

    Raises RefusedImport, CorruptionError, WrongKey, UsageError, NewerFormat, StorageFailed, DiskFull.
    """
    repository = target.repository
    with open_archive(source.path, target.cache_folder, unlock=unlock, clock=repository.clock) as archive:
        name = archive.set_names()[0]
        raw = archive.manifest(name)
        manifest = manifest_of(raw)
        require_past(manifest.taken_at, target.now(), source.path)
        same = _same_set(target, archive, raw)
        if same is None:
            committed = import_archive(
                archive,
                repository,
                name,
                level=target.level,
                begun=begun_document(manifest.network),
                progress=target.progress,
                still_locked=target.still_locked,
            )
    names = tuple(entry.name for entry in manifest.canisters)
    size = sum(entry.state_bytes for entry in manifest.canisters)
    return Imported(source.path, source.kind, same or committed.name, same is None, names, size)


def _same_set(target: Target, archive: Repository, raw: SetManifest) -> str | None:
    """The set that holds the same: the one that was archived, or one that was imported from there before."""
    origins = {(archive.id, raw.name), *_origins(raw.document)}
    for found in list_sets(target.repository, target.cache_folder):
        known = {(target.repository.id, found.name), *_origins(found.document)}
        if found.forgotten_at is None and found.items == raw.items and known & origins:
            return found.name
    return None


def _origins(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Which sets of which repositories a set was before, newest first."""
    table = document.get(IMPORTED_FROM)
    while isinstance(table, dict):
        yield str(table.get("repository")), str(table.get("set"))
        table = table.get(IMPORTED_FROM)
