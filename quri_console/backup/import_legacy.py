"""Taking over backups of the old bash scripts: they hold no state, so what they say is kept as it stands.

A status becomes our own record where it tells enough; every original text is kept beside it, byte for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quri_console.backup.browse import STATUS_NAME
from quri_console.backup.import_backup import IMPORTED, Imported, Target, begun_document, commit, require_past
from quri_console.backup.import_sources import ImportSource
from quri_console.backup.legacy import MANIFEST_NAME, LegacyBackup, OpenLegacy, open_legacy
from quri_console.backup.legacy_canister import TEXT_LIMIT_BYTES, LegacyCanister
from quri_console.backup.legacy_status import as_canister_status, missing_labels
from quri_console.backup.legacy_texts import canister_file
from quri_console.backup.manifest import ManifestCanister, NetworkOrigin, folder_name
from quri_console.backup.status_record import encode_status
from quri_console.errors import UsageError
from quri_console.ic.encoding.principal import Principal
from quri_console.repository.files import hash_file, read_small
from quri_console.repository.listing import list_sets
from quri_console.repository.set_import import reserve_at
from quri_console.repository.set_writer import SetWriter
from quri_console.repository.untrusted_archive import TreeFile

LEGACY_PREFIX = "legacy-"
"""Begins the names of the original texts: `legacy-status.txt`, `legacy-manifest.txt` and so on."""
EXPORT_TEXT_NAME = "export.txt"
"""A canister's own export, in Candid's text form and with whatever dfx wrote before it."""
ResolveName = Callable[[str], Principal | None]
"""The id of a canister of the configuration by its name."""
OriginOf = Callable[[str | None], NetworkOrigin]
"""The network that a legacy backup calls so (None: it does not say). Raises UsageError, NetworkError."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A canister of a legacy backup whose id is known."""

    canister: Principal
    legacy: LegacyCanister


def import_legacy(
    source: ImportSource,
    target: Target,
    *,
    origin_of: OriginOf,
    resolve: ResolveName,
    scratch: Path | None = None,
    taken_at: datetime | None = None,
) -> Imported:
    """A backup of the scripts as a set of mode `legacy`, named after its `Backup Date` or after `taken_at`.

    A canister whose id neither the backup nor `resolve` knows is left out. Raises RefusedImport, UnreadableLegacy,
    UsageError, WrongKey, StorageFailed, DiskFull, and as `origin_of`.
    """
    with open_legacy(source.path, scratch=scratch) as opened:
        backup = opened.backup
        network = origin_of(backup.network)
        moment, said = _time_of(backup, taken_at, target.now())
        kept, left_out = _known(backup, resolve)
        if not kept:
            raise UsageError(
                f"{source.path} holds no canister whose id is known",
                why="; ".join(left_out),
                next_step="Add the canisters to the configuration, under these names and with their ids.",
            )
        moment = require_past(moment, target.now(), source.path)
        reading = _Reading(opened, kept, network, moment, (*backup.notes, *said), left_out)
        digest = reading.digest()
        same = _same_set(target, digest)
        name = same or reading.store(source, target, digest)
    names = tuple(one.legacy.name for one in kept)
    return Imported(source.path, source.kind, name, same is None, names, notes=reading.notes, left_out=left_out)


@dataclass(frozen=True, slots=True)
class _Reading:
    """A legacy backup with all that is decided about it."""

    opened: OpenLegacy
    kept: list[_Kept]
    network: NetworkOrigin
    moment: datetime
    notes: tuple[str, ...]
    left_out: tuple[str, ...]

    def digest(self) -> str:
        """What tells this backup from all others: its files, and whose they are taken to be."""
        whole = hashlib.sha256(self.network.root_key_hash)
        for path in sorted(self.opened.folder.iterdir()):
            if path.name == MANIFEST_NAME or canister_file(path.name) is not None:
                size, digest = hash_file(path)
                whole.update(f"{path.name} {size} {digest.hex()}\n".encode())
        for one in self.kept:
            whole.update(f"{one.legacy.name} {one.canister.to_str()}\n".encode())
        return whole.hexdigest()

    def store(self, source: ImportSource, target: Target, digest: str) -> str:
        """Store it as a new set; the set's name."""
        writer = reserve_at(target.repository, self.moment, begun_document(self.network))
        try:
            entries: list[ManifestCanister] = []
            for one in self.kept:
                folder = folder_name(one.legacy.name, one.canister, {entry.folder for entry in entries})
                entries.append(self._put(writer, folder, one))
            facts = {
                "sha256": digest,
                "notes": [*self.notes, *self.left_out],
                "local_time": self.opened.backup.local_time_text,
            }
            commit(writer, source, target, self.network, entries, facts=facts)
        except BaseException:
            writer.abandon()
            raise
        return writer.name

    def _put(self, writer: SetWriter, folder: str, one: _Kept) -> ManifestCanister:
        legacy = one.legacy
        for file in legacy.files:
            writer.put_record(folder, _record_name(legacy, file), b"".join(self.opened.blocks(file)))
        manifest = self.opened.folder / MANIFEST_NAME
        if manifest.exists():
            writer.put_record(folder, f"{LEGACY_PREFIX}manifest.txt", read_small(manifest, TEXT_LIMIT_BYTES))
        status = None if legacy.status is None else as_canister_status(legacy.status)
        if status is not None:
            record = encode_status(status, canister_id=one.canister.to_str(), name=legacy.name, read_at=self.moment)
            writer.put_record(folder, STATUS_NAME, record)
        return ManifestCanister(
            canister=one.canister,
            name=legacy.name,
            folder=folder,
            subnet=None,
            taken_at=self.moment,
            mode="legacy",
            status_before="unknown" if legacy.status is None else legacy.status.status or "unknown",
            snapshot_id=b"",
            module_hash=legacy.module_hash or b"",
            state_bytes=0,
            warnings=tuple(self._warnings(legacy)),
        )

    def _warnings(self, legacy: LegacyCanister) -> Iterator[str]:
        yield from (note for note in self.notes if note.startswith(f"{legacy.name}: "))
        lacking = () if legacy.status is None else missing_labels(legacy.status)
        if lacking:
            yield f"Its status lacks {', '.join(lacking)}, so only the text of it is kept."
        if legacy.error is not None:
            yield f"In place of its status stood: {_first_line(legacy.error)}"
        if legacy.export_error is not None:
            yield f"In place of its export stood: {_first_line(legacy.export_error)}"


def _time_of(backup: LegacyBackup, taken_at: datetime | None, now: datetime) -> tuple[datetime, tuple[str, ...]]:
    """When it was taken, and what is doubtful about that."""
    if taken_at is not None:
        return taken_at, ()
    if backup.taken_at is not None:
        return backup.taken_at, ()
    if backup.local_time_text:
        named = datetime.fromisoformat(backup.local_time_text).replace(tzinfo=UTC)
        return named, ("Its time is the one in its name, in a zone that is not known; it was taken for UTC.",)
    return now, ("It does not say when it was taken; its time is that of the import.",)


def _known(backup: LegacyBackup, resolve: ResolveName) -> tuple[list[_Kept], tuple[str, ...]]:
    kept, left_out = [], []
    for legacy in backup.canisters:
        canister = legacy.canister_id or resolve(legacy.name)
        if canister is None:
            left_out.append(f"{legacy.name}: neither the backup nor the configuration says its id")
        else:
            kept.append(_Kept(canister, legacy))
    return kept, tuple(left_out)


def _same_set(target: Target, digest: str) -> str | None:
    for found in list_sets(target.repository, target.cache_folder):
        document = target.repository.manifest(found.name).document if IMPORTED in found.left_out else found.document
        table: Any = document.get(IMPORTED)
        if found.forgotten_at is None and isinstance(table, dict) and table.get("sha256") == digest:
            return found.name
    return None


def _record_name(legacy: LegacyCanister, file: TreeFile) -> str:
    if file == legacy.export_file:
        return EXPORT_TEXT_NAME
    found = canister_file(str(file.path))
    return f"{LEGACY_PREFIX}{found[1] if found else 'text'}.txt"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200] or "nothing"
