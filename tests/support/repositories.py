"""Small repositories with known contents: sets of made-up blobs in many small packs, in the clear or encrypted."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from quri_console.clock import NANOSECONDS_PER_SECOND, ManualClock
from quri_console.errors import QuriError
from quri_console.repository import age
from quri_console.repository.backend import Backend
from quri_console.repository.chunk_list import joined
from quri_console.repository.chunk_writer import ChunkWriter
from quri_console.repository.key_file import Way, encode_key_file, id_key_id, key_file_name
from quri_console.repository.local import LocalBackend
from quri_console.repository.set_writer import SetWriter
from quri_console.repository.sets import CHUNKS_SUFFIX, SetItem
from quri_console.repository.store import Repository, RepositoryFacts, Unlock, create_repository, no_key
from quri_console.repository.vault import ClearVault, EncryptedVault, Keyring, Vault
from tests.support.unsynced import UnsyncedFileSystem

START_NS = 1_737_684_000 * NANOSECONDS_PER_SECOND
"""2025-01-24T02:00:00Z: the time of the first set; every later one is an hour younger."""
HOUR_NS = 3600 * NANOSECONDS_PER_SECOND
CHUNK_BYTES, FRAME_BYTES, PACK_BYTES = 256, 1024, 4096
MASTER_ID = hashlib.sha256(b"master id").digest()[:16]
KEYRING = Keyring(hashlib.sha256(b"id key").digest(), {MASTER_ID: hashlib.sha256(b"master key").digest()})
ROOT_KEY_PREFIX = "0123456789abcdef"


@dataclass(frozen=True)
class MadeItem:
    """What one folder of a set holds, by name: blobs (stored as chunks) and records."""

    blobs: Mapping[str, bytes] = field(default_factory=dict)
    records: Mapping[str, bytes] = field(default_factory=dict)

    def with_blob(self, name: str, data: bytes) -> MadeItem:
        """The same with another blob."""
        return replace(self, blobs={**self.blobs, name: data})


SetContent = Mapping[str, MadeItem]
"""The items of a set by folder."""


def subject(folder: str) -> str:
    """The subject of the item in a folder, the same in every set."""
    return f"{ROOT_KEY_PREFIX}/{folder}"


def made_up_bytes(seed: int, size: int) -> bytes:
    """Bytes that compress somewhat, the same for the same seed."""
    source = random.Random(seed)
    return bytes(source.choice(b"abcdefgh\x00\xff") for _ in range(size))


def three_sets() -> tuple[SetContent, ...]:
    """`alpha` and `beta`; the same with one page of alpha's heap changed; `gamma`, which shares nothing with them.

    The heaps hold a run of zeros and end within a chunk; alpha and beta share some chunks.
    """
    shared = made_up_bytes(1, 4 * CHUNK_BYTES)
    heap = made_up_bytes(2, 9 * CHUNK_BYTES) + bytes(6 * CHUNK_BYTES) + shared + made_up_bytes(3, 100)
    changed = heap[: 2 * CHUNK_BYTES] + made_up_bytes(4, CHUNK_BYTES) + heap[3 * CHUNK_BYTES :]
    alpha = MadeItem({"wasm_memory": heap, "wasm_module": made_up_bytes(5, 700)}, {"status.toml": b"cycles = 7\n"})
    beta = MadeItem({"wasm_memory": shared + made_up_bytes(6, 5 * CHUNK_BYTES + 31)}, {"status.toml": b"cycles = 8\n"})
    gamma = MadeItem(
        {"wasm_memory": made_up_bytes(7, 20 * CHUNK_BYTES + 7), "stable_memory": bytes(3 * CHUNK_BYTES)},
        {"status.toml": b"cycles = 9\n", "interface.did": b"service : {}\n"},
    )
    return (
        {"alpha": alpha, "beta": beta},
        {"alpha": alpha.with_blob("wasm_memory", changed), "beta": beta},
        {"gamma": gamma},
    )


@cache
def age_identities() -> tuple[tuple[str, str], tuple[str, str]]:
    """The private keys that open every encrypted repository made here, each with its recipient."""
    return age.new_identity(), age.new_identity()


class CountingRandomness:
    """Bytes that look random and are the same in every run."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._calls = 0

    def __call__(self, size: int) -> bytes:
        self._calls += 1
        return hashlib.shake_256(self._seed + self._calls.to_bytes(8, "big")).digest(size)


@dataclass
class MadeRepository:
    """A repository in `path` and what is in it: the original bytes by set, folder and name."""

    path: Path
    encrypted: bool
    chunk_bytes: int = CHUNK_BYTES
    frame_bytes: int = FRAME_BYTES
    pack_bytes: int = PACK_BYTES
    contents: dict[str, SetContent] = field(default_factory=dict)
    randomness: CountingRandomness = field(default_factory=lambda: CountingRandomness(b"made"))

    @property
    def names(self) -> tuple[str, ...]:
        """The sets, oldest first."""
        return tuple(self.contents)

    @property
    def now_ns(self) -> int:
        """The time of the set that would be added next."""
        return START_NS + len(self.contents) * HOUR_NS

    @property
    def items(self) -> tuple[tuple[str, str], ...]:
        """(set, folder) of everything in it."""
        return tuple((name, folder) for name, content in self.contents.items() for folder in content)

    @property
    def unlock(self) -> Unlock:
        """What opens it."""
        return self._unlock if self.encrypted else no_key

    def _unlock(self, _backend: Backend, facts: RepositoryFacts) -> Vault:
        return EncryptedVault(bytes.fromhex(facts.id), KEYRING, MASTER_ID, self.randomness)

    def backend(self) -> LocalBackend:
        """A backend of its own."""
        return LocalBackend(self.path, UnsyncedFileSystem())

    def open(self, path: Path | None = None) -> Repository:
        """The repository (or the copy of it at `path`), opened anew at the time `now_ns`."""
        backend = LocalBackend(path or self.path, UnsyncedFileSystem())
        return Repository.open(backend, unlock=self.unlock, clock=ManualClock(self.now_ns))

    def open_without_key(self) -> Repository:
        """The repository as somebody sees it who has no key."""
        return Repository.open(self.backend(), clock=ManualClock(self.now_ns))

    def add_set(self, content: SetContent) -> str:
        """Write and commit one more set as a capture does; its name."""
        repository = self.open()
        writer = self.begin_set(content, repository)
        writer.commit([SetItem(folder, subject(folder), {"name": folder}) for folder in content], {"tool": "test"})
        self.contents[writer.name] = content
        return writer.name

    def begin_set(self, content: SetContent, repository: Repository | None = None) -> SetWriter:
        """Write all of a set but its manifest, as an interrupted capture leaves it."""
        repository = repository or self.open()
        vault = repository.vault if self.encrypted else ClearVault(self.randomness)
        begun = {"operation": f"op-{len(self.contents)}", "host": "example", "process": "1-1"}
        writer = SetWriter.reserve(repository.backend, vault, repository.id, self.now_ns, begun)
        assert writer is not None
        chunks = ChunkWriter(
            repository.backend, vault, repository.index, pack_bytes=self.pack_bytes, frame_bytes=self.frame_bytes
        )
        lists = [
            (folder, name, joined(self.chunk_bytes, len(data), chunks.add(data, self.chunk_bytes).ids))
            for folder, item in content.items()
            for name, data in item.blobs.items()
        ]
        chunks.flush()
        for folder, name, found in lists:
            writer.put_chunk_list(folder, name, found)
        for folder, item in content.items():
            for name, data in item.records.items():
                writer.put_record(folder, name, data)
        return writer

    def read_item(self, repository: Repository, name: str, folder: str) -> MadeItem:
        """All of an item as `repository` reads it. Raises QuriError when anything of it is refused."""
        manifest = repository.manifest(name)
        blobs, records = {}, {}
        for file in manifest.files_of(folder):
            stem = file.path.removeprefix(f"{folder}/")
            if file.is_chunk_list:
                blob = repository.blob(manifest, file.path)
                blobs[stem.removesuffix(CHUNKS_SUFFIX)] = blob.read(0, blob.size)
            else:
                records[stem] = repository.record(manifest, file.path)
        return MadeItem(blobs, records)

    def refused_items(self, path: Path | None = None) -> frozenset[tuple[str, str]]:
        """(set, folder) of what cannot be read now; AssertionError when anything is read as other than it was."""
        repository = self.open(path)
        refused = set()
        for name, folder in self.items:
            try:
                found = self.read_item(repository, name, folder)
            except QuriError:
                refused.add((name, folder))
            else:
                assert found == self.contents[name][folder], f"{name}/{folder} was read with wrong bytes"
        return frozenset(refused)

    def files(self) -> tuple[Path, ...]:
        """Every file of it, relative to `path`, sorted."""
        return tuple(sorted(path.relative_to(self.path) for path in self.path.rglob("*") if path.is_file()))

    def packs(self) -> tuple[Path, ...]:
        """The files of all packs, absolute, sorted."""
        return tuple(self.path / name for name in self.files() if name.parts[0] == "packs")

    def packs_of(self, name: str, folder: str) -> tuple[Path, ...]:
        """The files of the packs that an item needs, sorted."""
        repository = self.open()
        manifest = repository.manifest(name)
        lists = [repository.chunk_list(manifest, file.path) for file in manifest.files_of(folder) if file.is_chunk_list]
        ids = {identifier for found in lists for identifier in found.stored_ids}
        return tuple(sorted({self.path / repository.index.find(identifier).pack.name for identifier in ids}))


def small_repository(
    path: Path,
    *,
    encrypted: bool = False,
    sets: Sequence[SetContent] | None = None,
    chunk_bytes: int = CHUNK_BYTES,
    frame_bytes: int = FRAME_BYTES,
    pack_bytes: int = PACK_BYTES,
    seed: bytes = b"made",
) -> MadeRepository:
    """A repository with these sets, `three_sets()` unless given; the same bytes every time, but for key files.

    Another `seed` gives it another id. Packs and frames are small, so that a few kilobytes fill several.
    """
    randomness = CountingRandomness(seed)
    made = MadeRepository(path, encrypted, chunk_bytes, frame_bytes, pack_bytes, randomness=randomness)
    facts = create_repository(
        made.backend(),
        clock=ManualClock(START_NS),
        randomness=made.randomness,
        encryption="aes-256-gcm" if encrypted else "none",
        id_key_id=id_key_id(KEYRING.id_key) if encrypted else "",
    )
    if encrypted:
        for number, (_, recipient) in enumerate(age_identities()):
            way = Way(f"{number + 1:016x}", f"holder {number + 1}", recipient, facts.created_at)
            data = encode_key_file(facts.id, way, 1, KEYRING)
            made.backend().put(key_file_name(way.id, 1), data)
    for content in three_sets() if sets is None else sets:
        made.add_set(content)
    return made


def flip_byte(path: Path, position: int, mask: int = 0xFF) -> None:
    """Change one byte of a file; negative positions count from its end."""
    data = bytearray(path.read_bytes())
    data[position] ^= mask
    path.write_bytes(data)
