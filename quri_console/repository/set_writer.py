"""Writing one backup set: records and chunk lists first, the manifest last."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from quri_console.repository.backend import Backend, Entry
from quri_console.repository.chunk_list import ChunkList, encode_chunk_list
from quri_console.repository.errors import ChunkDamaged
from quri_console.repository.sealed import seal, unseal
from quri_console.repository.sets import (
    BEGUN_NAME,
    CHUNKS_SUFFIX,
    UNFINISHED_FOLDER,
    SetItem,
    SetManifest,
    StoredFile,
    encode_manifest,
    manifest_object,
    set_folder,
    set_name,
)
from quri_console.repository.vault import Vault


class SetWriter:
    """One set that is being made; its name is taken, and nobody takes it for a backup before `commit`."""

    def __init__(self, backend: Backend, vault: Vault, repository_id: str, name: str) -> None:
        self.name = name
        self._backend = backend
        self._vault = vault
        self._repository_id = repository_id
        self._files: dict[str, StoredFile] = {}

    @classmethod
    def reserve(
        cls, backend: Backend, vault: Vault, repository_id: str, now_ns: int, begun: Mapping[str, Any]
    ) -> SetWriter | None:
        """Take the name of this second; None when another set has it, and the next second must be waited for.

        `begun` says who makes the set, for whoever finds it unfinished. Raises StorageFailed, DiskFull.
        """
        writer = cls(backend, vault, repository_id, set_name(now_ns))
        taken = backend.put_if_absent(f"{set_folder(writer.name)}/{BEGUN_NAME}", seal(dict(begun)))
        return writer if taken else None

    def put_record(self, folder: str, name: str, data: bytes) -> StoredFile:
        """Store a record beside the manifest-to-be, replacing one of an earlier, interrupted run."""
        path = f"{folder}/{name}"
        stored = self._vault.seal_record(f"{self.name}/{path}", data)
        self._backend.put(f"{set_folder(self.name)}/{path}", stored)
        self._files[path] = StoredFile(path, len(stored), hashlib.sha256(stored).digest())
        return self._files[path]

    def put_chunk_list(self, folder: str, blob: str, chunks: ChunkList) -> StoredFile:
        """Store the list of a blob's chunks, all of which must be durable already."""
        return self.put_record(folder, f"{blob}{CHUNKS_SUFFIX}", encode_chunk_list(chunks))

    def discard(self, folder: str) -> None:
        """Remove what was written for an item that failed."""
        for path in [path for path in self._files if path.startswith(f"{folder}/")]:
            del self._files[path]
        for entry in list(self._backend.list(f"{set_folder(self.name)}/{folder}")):
            self._backend.delete(entry.name)

    def put_note(self, name: str, data: bytes) -> None:
        """Keep something that only a resumed run needs; gone when the set is committed."""
        place = f"{self.name}/{UNFINISHED_FOLDER}/{name}"
        self._backend.put(f"{set_folder(self.name)}/{UNFINISHED_FOLDER}/{name}", self._vault.seal_record(place, data))

    def notes(self) -> Iterator[tuple[str, bytes]]:
        """Every note of earlier runs, in the order of names; a damaged one is passed over."""
        prefix = f"{set_folder(self.name)}/{UNFINISHED_FOLDER}"
        for entry in list(self._backend.list(prefix)):
            name = entry.name.removeprefix(f"{prefix}/")
            try:
                yield (
                    name,
                    self._vault.open_record(f"{self.name}/{UNFINISHED_FOLDER}/{name}", self._backend.get(entry.name)),
                )
            except ChunkDamaged:
                continue

    def commit(self, items: Sequence[SetItem], document: Mapping[str, Any]) -> SetManifest:
        """Write the manifest: from now on this is a backup. Raises StorageFailed, DiskFull."""
        folders = {item.folder for item in items}
        manifest = SetManifest(
            name=self.name,
            repository_id=self._repository_id,
            items=tuple(items),
            files=tuple(file for path, file in sorted(self._files.items()) if path.split("/")[0] in folders),
            document=document,
        )
        if not self._backend.put_if_absent(manifest_object(self.name), encode_manifest(manifest)):
            raise FileExistsError(f"the set {self.name} was committed by somebody else")
        self._delete(self._backend.list(f"{set_folder(self.name)}/{UNFINISHED_FOLDER}"))
        return manifest

    def abandon(self) -> None:
        """Remove everything of a set that was not committed; the mark of who made it last."""
        abandon_set(self._backend, self.name)

    def _delete(self, entries: Iterator[Entry]) -> None:
        _delete(self._backend, entries)


def abandon_set(backend: Backend, name: str) -> None:
    """Remove everything of a set that was not committed, the mark of who made it last; no key is needed for that."""
    begun = f"{set_folder(name)}/{BEGUN_NAME}"
    _delete(backend, (entry for entry in backend.list(set_folder(name)) if entry.name != begun))
    backend.delete(begun)


def _delete(backend: Backend, entries: Iterator[Entry]) -> None:
    for entry in list(entries):
        backend.delete(entry.name)


def begun_by(backend: Backend, name: str) -> Mapping[str, Any]:
    """What a set says of who made it. Raises CorruptionError, ObjectMissing."""
    place = f"{set_folder(name)}/{BEGUN_NAME}"
    return unseal(backend.get(place), place)
