"""What an import came to beyond what was taken over: what it stored, and whether it got the name of its own time."""

from __future__ import annotations

import dataclasses
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from quri_console.backup.import_backup import Imported
from quri_console.backup.import_sources import ImportSource
from quri_console.backup.manifest import manifest_of
from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.errors import CorruptionError
from quri_console.repository.backend import ObjectMissing
from quri_console.repository.set_import import IMPORTED_FROM
from quri_console.repository.sets import SetManifest, is_set_name, set_name
from quri_console.repository.store import Repository


@dataclass(frozen=True, slots=True)
class ImportEnd(Imported):
    """An import with what it took. `name_holder` is untrusted text."""

    stored_bytes: int = 0
    """What it added to the repository."""
    duration_seconds: float = 0.0
    name_taken: str = ""
    """The name of its own time where another set has it, so that this one got the next free second; else empty."""
    name_holder: str = ""
    """What that other set is, in words."""
    first_in_clear: bool = False
    """Whether it is the only set of a repository that is not encrypted."""


def ended_import(
    done: Imported,
    source: ImportSource,
    repository: Repository,
    packs_before: AbstractSet[bytes],
    *,
    taken_at: datetime | None,
    duration_seconds: float,
) -> ImportEnd:
    """The end of one import; `packs_before` are the packs that the index named before it."""
    fields = {field.name: getattr(done, field.name) for field in dataclasses.fields(done)}
    if not done.fresh:
        return ImportEnd(**fields, duration_seconds=duration_seconds)
    packs = [pack for identifier, pack in repository.index.packs.items() if identifier not in packs_before]
    manifest = repository.manifest(done.set_name)
    wanted = _wanted_name(manifest, source, taken_at)
    taken = wanted if wanted and wanted != done.set_name else ""
    if done.new_bytes is None and done.state_bytes:
        fields["new_bytes"] = sum(frame.header.raw_bytes for pack in packs for frame in pack.frames)
    return ImportEnd(
        **fields,
        stored_bytes=sum(pack.size for pack in packs) + sum(file.size for file in manifest.files),
        duration_seconds=duration_seconds,
        name_taken=taken,
        name_holder=_holder(repository, taken) if taken else "",
        first_in_clear=not repository.encrypted and len(repository.set_names()) == 1,
    )


def _wanted_name(manifest: SetManifest, source: ImportSource, taken_at: datetime | None) -> str:
    """The name of the moment that the copy is of; empty where that cannot be told any more."""
    if taken_at is not None:
        return _name_of(taken_at)
    if source.kind == "archive":
        return str(manifest.document[IMPORTED_FROM]["set"])
    if source.kind == "old set":
        return source.path.name if is_set_name(source.path.name) else ""
    return _name_of(manifest_of(manifest).canisters[0].taken_at)


def _name_of(moment: datetime) -> str:
    return set_name(int(moment.timestamp()) * NANOSECONDS_PER_SECOND)


def _holder(repository: Repository, name: str) -> str:
    try:
        manifest = manifest_of(repository.manifest(name))
    except ObjectMissing:
        return "a backup that is not finished"
    except CorruptionError:
        return "a damaged backup"
    kind = "a backup" if manifest.operation != "" else "an import"
    return f"{kind} of {', '.join(entry.name for entry in manifest.canisters)}"
