"""Listing a repository's backup sets fast: what manifests, marks and the trash say, each parsed only once.

No key is needed, and nothing is written but the cache.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

from quri_console.clock import utc_datetime
from quri_console.errors import CorruptionError
from quri_console.repository.backend import Backend, Entry, ObjectMissing
from quri_console.repository.errors import NewerFormat
from quri_console.repository.files import StorageFailed
from quri_console.repository.listing_cache import ListingCache, cache_path
from quri_console.repository.marks import MARKS_FOLDER, Mark, MarkKind, Standing, decode_mark, standing
from quri_console.repository.sets import (
    BACKUPS_FOLDER,
    SetItem,
    SetManifest,
    is_set_name,
    manifest_object,
    set_time,
)
from quri_console.repository.store import Repository
from quri_console.repository.trash import TRASHED_SETS_FOLDER, decode_forgotten, trash_object

STATE_BYTES = "state_bytes"
"""The field of an item, as its maker may give it, with the size of what was copied."""
_LARGEST_TABLE = 16 << 10


@dataclass(frozen=True, slots=True)
class SetSummary:
    """What a list shows of a set. `damage` says why its manifest cannot be read; then it has no items.

    `document` are the manifest's tables but those named in `left_out`, which are large.
    """

    name: str
    taken_at: datetime
    items: tuple[SetItem, ...]
    document: Mapping[str, Any]
    left_out: tuple[str, ...]
    record_bytes: int
    """What its records and lists of chunks take; chunks belong to no set alone."""
    logical_bytes: int | None
    """The sum of its items' `state_bytes`; None when none of them tells."""
    damage: str | None
    standing: Standing
    forgotten_at: datetime | None
    """When it was forgotten: a list that is not about the trash leaves it out then."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A repository's committed sets, forgotten ones too, and the names of those begun and not committed, newest first.

    A forgotten set without a manifest is neither: prune was interrupted while it removed it.
    """

    sets: tuple[SetSummary, ...]
    unfinished: tuple[str, ...]


def list_sets(repository: Repository, cache_folder: Path) -> tuple[SetSummary, ...]:
    """Every committed set, newest first, forgotten ones too. Raises StorageFailed when the folder cannot be listed."""
    return list_repository(repository, cache_folder).sets


def list_repository(repository: Repository, cache_folder: Path) -> Listed:
    """All sets in one go through the repository. Raises StorageFailed when the folder cannot be listed."""
    cache = ListingCache(cache_path(cache_folder, repository.id, repository.backend.location))
    listed = _Listing(repository, cache).run()
    cache.save()
    return listed


class _Listing:
    """One run through a repository."""

    def __init__(self, repository: Repository, cache: ListingCache) -> None:
        self._repository = repository
        self._backend: Backend = repository.backend
        self._cache = cache
        self._now = utc_datetime(repository.clock.now_ns())

    def run(self) -> Listed:
        """All sets, newest first."""
        forgotten, marks = self._forgotten(), self._marks()
        found, unfinished = [], []
        for name in reversed(self._backend.folders(BACKUPS_FOLDER)):
            entry = self._backend.head(manifest_object(name))
            # to look at the name is slow, and only a set's manifest comes into the cache
            if entry is not None and (self._cache.holds(entry.name) or is_set_name(name)):
                stands = standing(*marks.get(name, ((), ())), self._now)
                with contextlib.suppress(ObjectMissing):  # prune has just removed it
                    found.append(self._summary(name, entry, stands, forgotten.get(name)))
            elif entry is None and name not in forgotten and is_set_name(name):
                unfinished.append(name)
        return Listed(tuple(found), tuple(unfinished))

    def _summary(self, name: str, entry: Entry, stands: Standing, forgotten_at: datetime | None) -> SetSummary:
        value, damage = self._value(entry, partial(self._plain_manifest, name))
        value = value or {"taken_at": set_time(name), "items": [], "document": {}, "left_out": [], "record_bytes": 0}
        items = tuple(SetItem(folder, subject, fields) for folder, subject, fields in value["items"])
        return SetSummary(
            name=name,
            taken_at=value["taken_at"],
            items=items,
            document=value["document"],
            left_out=tuple(value["left_out"]),
            record_bytes=value["record_bytes"],
            logical_bytes=_logical_bytes(items),
            damage=damage,
            standing=stands,
            forgotten_at=forgotten_at,
        )

    def _plain_manifest(self, name: str) -> dict[str, Any]:
        return _plain(self._repository.manifest(name))

    def _forgotten(self) -> dict[str, datetime]:
        """When sets were forgotten, by name; one whose mark cannot be read counts as not forgotten."""
        found = {}
        for entry in self._backend.list(TRASHED_SETS_FOLDER):
            name = entry.name.rsplit("/", 1)[-1].removesuffix(".toml")
            if is_set_name(name) and entry.name == trash_object(name):
                with contextlib.suppress(ObjectMissing):  # brought back meanwhile
                    value, _ = self._value(entry, partial(self._plain_forgotten, entry.name))
                    if value is not None:
                        found[name] = value["at"]
        return found

    def _plain_forgotten(self, place: str) -> dict[str, Any]:
        return {"at": decode_forgotten(self._backend.get(place), place).at}

    def _marks(self) -> dict[str, tuple[tuple[Mark, ...], tuple[str, ...]]]:
        """The marks of every set, oldest first, and those that cannot be read."""
        found: dict[str, tuple[list[Mark], list[str]]] = {}
        for entry in self._backend.list(MARKS_FOLDER):
            parts = entry.name.split("/")
            if len(parts) != 3:
                continue
            marks, unreadable = found.setdefault(parts[1], ([], []))
            with contextlib.suppress(ObjectMissing):  # prune has just removed it
                value, _ = self._value(entry, partial(self._plain_mark, entry.name))
                if value is None:
                    unreadable.append(entry.name)
                else:
                    marks.append(Mark(value["set"], value["at"], cast(MarkKind, value["kind"]), value["fields"]))
        return {name: (_oldest_first(marks), tuple(unreadable)) for name, (marks, unreadable) in found.items()}

    def _plain_mark(self, place: str) -> dict[str, Any]:
        mark = decode_mark(self._backend.get(place), place)
        return {"set": mark.set_name, "at": mark.at, "kind": mark.kind, "fields": dict(mark.fields)}

    def _value(self, entry: Entry, read: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any] | None, str | None]:
        """What an object holds, from the cache or read now; or why it cannot be read, which is never remembered.

        Raises ObjectMissing.
        """
        known = self._cache.get(entry.name, entry.version)
        if isinstance(known, dict):
            return known, None
        try:
            value = read()
        except (CorruptionError, NewerFormat, StorageFailed) as error:
            return None, str(error)
        self._cache.put(entry.name, entry.version, value)
        return value, None


def _oldest_first(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    return tuple(sorted(marks, key=lambda mark: mark.at))


def _plain(manifest: SetManifest) -> dict[str, Any]:
    sizes = {key: len(json.dumps(value, default=str)) for key, value in manifest.document.items()}
    left_out = sorted(key for key, size in sizes.items() if size > _LARGEST_TABLE)
    return {
        "taken_at": manifest.taken_at,
        "items": [[item.folder, item.subject, dict(item.fields)] for item in manifest.items],
        "document": {key: value for key, value in manifest.document.items() if key not in left_out},
        "left_out": left_out,
        "record_bytes": sum(file.size for file in manifest.files),
    }


def _logical_bytes(items: Iterable[SetItem]) -> int | None:
    sizes = [size for item in items if isinstance(size := item.fields.get(STATE_BYTES), int)]
    return sum(sizes) if sizes else None
