"""A repository: made, opened, listed and read; what writes to it for long is made here, too."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from quri_console.clock import Clock, SystemClock, utc_datetime
from quri_console.errors import CorruptionError, UsageError
from quri_console.repository.backend import Backend, ObjectMissing
from quri_console.repository.chunk_list import ChunkList, decode_chunk_list
from quri_console.repository.chunk_writer import ChunkWriter
from quri_console.repository.chunking import CHUNK_CLASSES, zeros
from quri_console.repository.errors import NewerFormat, NotARepository, RepositoryMissing, WrongKey
from quri_console.repository.filesystem import FileSystem
from quri_console.repository.frames import FrameReader
from quri_console.repository.index import Index, load_index, put_fragment
from quri_console.repository.local import LocalBackend
from quri_console.repository.pack_marks import marked_packs
from quri_console.repository.sealed import seal, unseal
from quri_console.repository.set_writer import SetWriter
from quri_console.repository.sets import (
    BACKUPS_FOLDER,
    SetManifest,
    decode_manifest,
    is_set_name,
    manifest_object,
    set_folder,
    set_names,
    typed,
)
from quri_console.repository.vault import ClearVault, Randomness, Vault

REPOSITORY_FILE = "repository.toml"
REPOSITORY_FORMAT = 1
Encryption = Literal["none", "aes-256-gcm"]


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """`repository.toml`, written once when the repository is made. `id` and `id_key_id` in hex."""

    id: str
    created_at: datetime
    encryption: Encryption
    id_key_id: str = ""
    """Which key names chunks; empty in the clear."""


def encode_facts(facts: RepositoryFacts) -> bytes:
    """The sealed TOML text of `repository.toml`."""
    return seal(
        {
            "format": REPOSITORY_FORMAT,
            "id": facts.id,
            "created_at": facts.created_at,
            "encryption": facts.encryption,
            "id_key_id": facts.id_key_id,
            "chunk_classes": [{"up_to_bytes": limit, "chunk_bytes": chunk} for limit, chunk in CHUNK_CLASSES],
        }
    )


def read_facts(backend: Backend) -> RepositoryFacts:
    """What the repository says of itself. Raises RepositoryMissing, NotARepository, NewerFormat, CorruptionError."""
    origin = f"{backend.location}/{REPOSITORY_FILE}"
    try:
        document = unseal(backend.get(REPOSITORY_FILE), origin)
    except ObjectMissing as error:
        raise _no_repository(backend) from error
    found = document.get("format")
    if found != REPOSITORY_FORMAT:
        raise NewerFormat(
            f"{origin} has format {found}",
            why=f"This version reads format {REPOSITORY_FORMAT}.",
            next_step="Use the version of quri-console that made the repository, or a newer one.",
        )
    try:
        encryption = typed(document, "encryption", str)
        if encryption not in ("none", "aes-256-gcm"):
            raise ValueError(f"encryption {encryption!r}")
        identifier = typed(document, "id", str)
        if len(bytes.fromhex(identifier)) != 16:
            raise ValueError(f"id {identifier!r}")
        created = typed(document, "created_at", datetime).astimezone(UTC)
        return RepositoryFacts(identifier, created, encryption, typed(document, "id_key_id", str))  # type: ignore[arg-type]
    except (KeyError, ValueError) as error:
        raise CorruptionError(f"{origin} is not what it should be", why=str(error)) from error


def _no_repository(backend: Backend) -> RepositoryMissing | NotARepository:
    if backend.folders(BACKUPS_FOLDER):
        return NotARepository(
            f"{backend.location} holds backups, but no {REPOSITORY_FILE}",
            why="They were written by the first version of this tool, or the file was lost.",
            next_step="Plain snapshot folders go into a new repository by `quri-console import FOLDER`; a lost "
            f"{REPOSITORY_FILE} must come from a copy of the repository.",
        )
    return RepositoryMissing(
        f"There is no repository at {backend.location} yet",
        next_step="`quri-console init` makes one, `quri-console backup` makes one in the clear and fills it.",
    )


def create_repository(
    backend: Backend,
    *,
    clock: Clock | None = None,
    randomness: Randomness = os.urandom,
    encryption: Encryption = "none",
    identifier: bytes | None = None,
    id_key_id: str = "",
) -> RepositoryFacts:
    """Make an empty repository; for an encrypted one its key files come first. UsageError when there is one already.

    Raises StorageFailed, DiskFull, NotARepository for a folder that holds backups of another kind.
    """
    missing = _no_repository(backend)
    if isinstance(missing, NotARepository) and backend.head(REPOSITORY_FILE) is None:
        raise missing
    created = utc_datetime((clock or SystemClock()).now_ns()).replace(microsecond=0)
    facts = RepositoryFacts((identifier or randomness(16)).hex(), created, encryption, id_key_id)
    if not backend.put_if_absent(REPOSITORY_FILE, encode_facts(facts)):
        raise UsageError(
            f"There is a repository at {backend.location} already", next_step="`quri-console list` shows what it holds."
        )
    return facts


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored range of bytes, read chunk by chunk; every chunk is compared with its name."""

    chunks: ChunkList
    _repository: Repository = field(repr=False)

    @property
    def size(self) -> int:
        """In bytes."""
        return self.chunks.total_bytes

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on, fewer at the end. Raises ChunkMissing, ChunkDamaged."""
        chunk_bytes, end = self.chunks.chunk_bytes, min(offset + size, self.size)
        parts: list[bytes | memoryview] = []
        while offset < end:
            position, inside = divmod(offset, chunk_bytes)
            length = min(self.chunks.length(position) - inside, end - offset)
            identifier = self.chunks.ids[position]
            if identifier is None:
                parts.append(zeros(length))
            else:
                parts.append(self._repository.chunk(identifier)[inside : inside + length])
            offset += length
        return b"".join(parts)

    def slices(self, slice_bytes: int) -> Iterator[tuple[int, bytes]]:
        """All of it in order, (offset, bytes) at a time. Raises ChunkMissing, ChunkDamaged."""
        for offset in range(0, self.size, slice_bytes):
            yield offset, self.read(offset, slice_bytes)

    def is_zero(self, offset: int, size: int) -> bool:
        """Whether a range is known to be all zero, without reading anything."""
        chunk_bytes = self.chunks.chunk_bytes
        last = min(offset + size, self.size)
        return all(
            identifier is None for identifier in self.chunks.ids[offset // chunk_bytes : -(-last // chunk_bytes)]
        )


Unlock = Callable[[Backend, RepositoryFacts], Vault]
"""Opens an encrypted repository; called when the first byte of a canister is read or written. Raises WrongKey."""


def no_key(_backend: Backend, facts: RepositoryFacts) -> Vault:
    """What opens a repository for which no key was given."""
    raise WrongKey(
        f"The repository {facts.id[:8]} is encrypted, and no key was given",
        next_step="Set `identity` or `passphrase_file` in [repository] of the configuration, or run it in a terminal.",
    )


class Repository:
    """An opened repository. Reading is safe from several threads; the index is read when it is first needed."""

    def __init__(
        self, backend: Backend, facts: RepositoryFacts, unlock: Unlock = no_key, clock: Clock | None = None
    ) -> None:
        self.backend = backend
        self.facts = facts
        self.clock: Clock = clock or SystemClock()
        self._unlock = unlock

    @classmethod
    def open(
        cls,
        place: Backend | Path,
        *,
        unlock: Unlock = no_key,
        clock: Clock | None = None,
        filesystem: FileSystem | None = None,
    ) -> Repository:
        """The repository at a place. Raises RepositoryMissing, NotARepository, NewerFormat, CorruptionError."""
        backend = LocalBackend(place, filesystem) if isinstance(place, Path) else place
        return cls(backend, read_facts(backend), unlock, clock)

    def another(self, place: Backend | Path) -> Repository:
        """The repository at another place, opened by the same means. Raises as `open`."""
        return Repository.open(place, unlock=self._unlock, clock=self.clock)

    @property
    def id(self) -> str:
        """Its id in hex."""
        return self.facts.id

    @property
    def encrypted(self) -> bool:
        """Whether a key is needed to read what it holds (names, times and sizes are always clear)."""
        return self.facts.encryption != "none"

    @cached_property
    def vault(self) -> Vault:
        """Names and seals what is written. Raises WrongKey."""
        return self._unlock(self.backend, self.facts) if self.encrypted else ClearVault()

    @cached_property
    def index(self) -> Index:
        """Which pack holds which chunk; packs that are marked for deletion come last."""
        return load_index(self.backend, avoid=marked_packs(self.backend))

    @cached_property
    def _frames(self) -> FrameReader:
        return FrameReader(self.backend, self.vault)

    def forget_index(self) -> None:
        """Read the index anew when it is next needed, because packs were moved or deleted."""
        self.__dict__.pop("index", None)
        self.__dict__.pop("_frames", None)

    def set_names(self) -> tuple[str, ...]:
        """The committed sets, oldest first."""
        return set_names(self.backend)[0]

    def unfinished_names(self) -> tuple[str, ...]:
        """Sets that were begun and not committed, oldest first: under way, or interrupted."""
        return set_names(self.backend)[1]

    def manifest(self, name: str) -> SetManifest:
        """The manifest of a set. Raises ObjectMissing, CorruptionError, NewerFormat."""
        if not is_set_name(name):
            raise ValueError(f"{name!r} is no name of a set")
        manifest = decode_manifest(self.backend.get(manifest_object(name)), manifest_object(name))
        if manifest.name != name:
            raise CorruptionError(f"The manifest of backup {name} is that of {manifest.name}", why="It was moved.")
        return manifest

    def record(self, manifest: SetManifest, path: str) -> bytes:
        """A record of a set, compared with the manifest and decrypted.

        Raises CorruptionError, ObjectMissing, WrongKey.
        """
        file = manifest.file(path)
        if file is None:
            raise CorruptionError(f"The manifest of backup {manifest.name} does not list {path}")
        stored = self.backend.get(f"{set_folder(manifest.name)}/{path}")
        if hashlib.sha256(stored).digest() != file.sha256:
            raise CorruptionError(
                f"{path} in backup {manifest.name} is damaged",
                why="Its SHA-256 is not the one in the manifest.",
                next_step="Do not restore from this backup; use another, and check the disk.",
            )
        return self.vault.open_record(f"{manifest.name}/{path}", stored)

    def chunk_list(self, manifest: SetManifest, path: str) -> ChunkList:
        """The list of chunks at a path of a set. Raises as `record`."""
        return decode_chunk_list(self.record(manifest, path), f"{path} in backup {manifest.name}")

    def blob(self, manifest: SetManifest, path: str) -> Blob:
        """The bytes whose list of chunks lies at a path of a set. Raises as `record`."""
        return Blob(self.chunk_list(manifest, path), self)

    def chunk(self, identifier: bytes) -> memoryview:
        """A chunk by its name, from whichever pack still holds it. Raises ChunkMissing, ChunkDamaged."""
        place = self.index.find(identifier)
        try:
            return self._frames.chunk(identifier, (place,))
        except CorruptionError:
            others = [other for other in self.index.places_of(identifier) if other != place]
            if not others:
                raise
            return self._frames.chunk(identifier, others)

    def chunk_writer(self, *, level: int = 3, on_durable: Callable[[int], None] = lambda _: None) -> ChunkWriter:
        """What stores chunks; a lock must be held. Raises WrongKey, StorageFailed, DiskFull."""
        self._adopt_unindexed_packs()
        return ChunkWriter(self.backend, self.vault, self.index, level=level, on_durable=on_durable)

    def _adopt_unindexed_packs(self) -> None:
        """Have packs on disk, and named, whose writer was killed perhaps before they were: new sets build on them."""
        packs = [self.index.packs[identifier] for identifier in sorted(self.index.unindexed)]
        for pack in packs:
            self.backend.put_if_absent(pack.name, self.backend.get(pack.name))
        if packs:
            put_fragment(self.backend, packs)
            self.index.unindexed.clear()

    async def begin_set(self, begun: Mapping[str, Any]) -> SetWriter:
        """Take the name of the next free second. Raises StorageFailed, DiskFull, WrongKey."""
        import asyncio

        while True:
            writer = await asyncio.to_thread(
                SetWriter.reserve, self.backend, self.vault, self.id, self.clock.now_ns(), begun
            )
            if writer is not None:
                return writer
            await self.clock.sleep(1 - self.clock.now_ns() % 1_000_000_000 / 1_000_000_000)

    def resume_set(self, name: str) -> SetWriter:
        """The writer of a set that was begun and not committed."""
        return SetWriter(self.backend, self.vault, self.id, name)
