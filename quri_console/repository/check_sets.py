"""Checking backup sets: manifests, records and lists of chunks by their digests, and that every chunk is in a pack."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from quri_console.errors import CorruptionError, QuriError
from quri_console.progress import Progress, ProgressEvent
from quri_console.repository.backend import Backend, ObjectMissing
from quri_console.repository.check_findings import Findings
from quri_console.repository.check_report import Affected, CheckedSet
from quri_console.repository.chunk_list import decode_chunk_list
from quri_console.repository.damage_reach import ChunkFinder, Needed
from quri_console.repository.index import Index
from quri_console.repository.marks import MARKS_FOLDER, decode_mark
from quri_console.repository.sealed import unseal
from quri_console.repository.set_writer import begun_by
from quri_console.repository.sets import (
    BEGUN_NAME,
    SetManifest,
    StoredFile,
    is_set_name,
    manifest_object,
    set_folder,
)
from quri_console.repository.store import Repository
from quri_console.repository.trash import read_trash

_ANOTHER_BACKUP = "Use another backup; this file cannot be made anew."
_HARMLESS = "No backup needs it; `quri-console repair marks` puts it away."
_HELD = "It counts as a hold. `quri-console repair marks` puts it away and leaves a hold that can be released."
_NEW_BACKUP = "Take a new backup: what of it is still the same is stored again, which heals this one."


@dataclass(slots=True)
class _Tally:
    """What the files of one set come to."""

    logical_bytes: int = 0
    packs: set[bytes] = field(default_factory=set)
    unread: int = 0
    """Lists of chunks that could not be read."""


class SetCheck:
    """Checks every set; without a key to an encrypted repository, as far as that goes."""

    def __init__(self, repository: Repository, index: Index, found: Findings, progress: Progress) -> None:
        self._repository = repository
        self._backend: Backend = repository.backend
        self._finder = ChunkFinder(index)
        self._found = found
        self._progress = progress

    def run(self, committed: Sequence[str], unfinished: Sequence[str]) -> tuple[SetManifest, ...]:
        """Check all of them; the manifests that could be read."""
        manifests = []
        for done, name in enumerate(committed):
            self._progress.report(ProgressEvent("check backups", done, len(committed), "backups"))
            manifest = self.check_set(name)
            self._begun(name)
            if manifest is not None:
                manifests.append(manifest)
        if committed:
            self._progress.report(ProgressEvent("check backups", len(committed), len(committed), "backups"))
        forgotten = read_trash(self._backend).sets
        for name in unfinished:
            self._unfinished(name, forgotten=name in forgotten)
        self._marks(committed)
        return tuple(manifests)

    def check_set(self, name: str, folder: str | None = None) -> SetManifest | None:
        """Check a set, or one item of it; its manifest, when that could be read."""
        try:
            manifest = self._repository.manifest(name)
            if manifest.repository_id != self._repository.id:
                why = f"It belongs to the repository {manifest.repository_id[:8]}."
                raise CorruptionError(f"The manifest of backup {name} was moved here", why=why)
        except QuriError as error:
            step = "Use another backup; nothing tells any more what belongs to this one."
            self._found.failure("manifest", manifest_object(name), error, step, [Affected(name, "")])
            return None
        sizes = {entry.name: entry.size for entry in self._backend.list(set_folder(name))}
        tally = _Tally()
        for file in manifest.files if folder is None else manifest.files_of(folder):
            self._file(manifest, file, sizes, tally)
        folders = tuple(item.folder for item in manifest.items if folder in (None, item.folder))
        packs = frozenset(tally.packs) if not tally.unread else None
        self._found.sets.append(CheckedSet(name, folders, tally.logical_bytes, packs))
        return manifest

    def _file(self, manifest: SetManifest, file: StoredFile, sizes: Mapping[str, int], tally: _Tally) -> None:
        name = f"{set_folder(manifest.name)}/{file.path}"
        item = Affected(manifest.name, file.path.split("/")[0])
        self._found.files += 1
        if file.is_chunk_list:
            tally.unread += 1  # until it was read
        try:
            if sizes.get(name, file.size) != file.size:
                raise CorruptionError(name, why=f"It has {sizes[name]} bytes instead of {file.size}.")
            if self._found.key_problem is not None:
                self._digest(name, file)
                return
            data = self._repository.record(manifest, file.path)
            needed = self._needed(data, file, tally) if file.is_chunk_list else None
        except ObjectMissing:
            self._found.damage("record", name, "It is missing.", _ANOTHER_BACKUP, [item])
        except QuriError as error:
            self._found.failure("record", name, error, _ANOTHER_BACKUP, [item])
        else:
            if needed is not None:
                self._chunks(name, item, needed)

    def _digest(self, name: str, file: StoredFile) -> None:
        """Compare a file that cannot be opened with its manifest. Raises CorruptionError, ObjectMissing."""
        if hashlib.sha256(self._backend.get(name)).digest() != file.sha256:
            raise CorruptionError(name, why="Its SHA-256 is not the one in the manifest.")

    def _needed(self, data: bytes, file: StoredFile, tally: _Tally) -> Needed:
        chunks = decode_chunk_list(data, file.path)
        needed = self._finder.needed(chunks)
        tally.logical_bytes += chunks.total_bytes
        tally.packs |= needed.packs
        tally.unread -= 1
        return needed

    def _chunks(self, name: str, item: Affected, needed: Needed) -> None:
        if needed.missing:
            why = f"{len(needed.missing)} chunks that it names are in no pack."
            self._found.damage("chunks", name, why, _NEW_BACKUP, [item], needed.missing)
        if needed.unlike:
            why = f"{len(needed.unlike)} chunks that it names have another length in their packs."
            self._found.damage("chunks", name, why, _ANOTHER_BACKUP, [item], needed.unlike)

    def _begun(self, name: str) -> None:
        place = f"{set_folder(name)}/{BEGUN_NAME}"
        try:
            unseal(self._backend.get(place), place)
        except ObjectMissing:
            return  # nothing needs it once the manifest stands
        except QuriError as error:
            self._found.failure("begun", place, error, _HARMLESS)

    def _unfinished(self, name: str, *, forgotten: bool) -> None:
        """Say who makes a set that has no manifest, unless its manifest was lost."""
        if forgotten:
            self._found.note("unfinished", set_folder(name), "It was forgotten; the next `prune` removes what is left.")
            return
        if any(True for _ in self._backend.list(f"{MARKS_FOLDER}/{name}")):
            why = "It is missing, although there are marks beside this backup, so it was finished once."
            step = "Bring it back from a copy of the repository, or use another backup."
            self._found.damage("manifest", manifest_object(name), why, step, [Affected(name, "")])
            return
        place = f"{set_folder(name)}/{BEGUN_NAME}"
        try:
            begun = begun_by(self._backend, name)
        except ObjectMissing:
            self._found.note("unfinished", set_folder(name), "It is no backup, and nothing says who made it.")
        except QuriError as error:
            self._found.failure("begun", place, error, "Abandon the operation that made it; it cannot be resumed.")
        else:
            operation = begun.get("operation")
            by = f" by operation {operation}" if isinstance(operation, str) and operation else ""
            self._found.note("unfinished", set_folder(name), f"It is being made, or was interrupted{by}.")

    def _marks(self, committed: Collection[str]) -> None:
        gone: dict[str, int] = {}
        for entry in self._backend.list(MARKS_FOLDER):
            parts = entry.name.split("/")
            if len(parts) != 3 or not is_set_name(parts[1]):
                continue  # not ours
            try:
                if decode_mark(self._backend.get(entry.name), entry.name).set_name != parts[1]:
                    raise CorruptionError(entry.name, why="It belongs to another backup.")
            except QuriError as error:
                self._found.failure("mark", entry.name, error, _HELD)
            if parts[1] not in committed:
                gone[parts[1]] = gone.get(parts[1], 0) + 1
        for name, count in gone.items():
            if self._backend.folders(set_folder(name)) or self._backend.head(f"{set_folder(name)}/{BEGUN_NAME}"):
                continue  # spoken of as unfinished
            self._found.note("leftover", f"{MARKS_FOLDER}/{name}", f"{count} marks of a backup that is gone.")
