"""States made of a few bytes, in memory or stored as a capture stores them, for what is compared."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path

from quri_console.backup.browse import INTERFACE_NAME, STATUS_NAME
from quri_console.backup.canister_records import put_state
from quri_console.backup.interchange import BLOBS, CHUNK_STORE_NAME, METADATA_NAME, Blob, Slice, blob_path, chunk_path
from quri_console.backup.manifest import ManifestCanister, document_of, set_items
from quri_console.backup.snapshot_json import encode_metadata
from quri_console.backup.state import state_bytes
from quri_console.backup.status_record import encode_status
from quri_console.backup.store_state import store_state
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import CanisterSettings, CanisterStatus, Global, MemoryMetrics, SnapshotMetadata
from quri_console.repository.chunk_list import ChunkList, joined
from quri_console.repository.chunk_writer import ChunkWriter
from quri_console.repository.chunking import is_zero
from quri_console.repository.local import LocalBackend
from quri_console.repository.store import Repository, create_repository
from quri_console.repository.vault import EncryptedVault, Keyring
from quri_console.units import WASM_PAGE_BYTES
from quri_console.wasm.binary import encode_section, encode_unsigned
from tests.support.backups import AT, CONTROLLER, ORIGIN, RUNE_ENGINE, begin_backup

NAME = "rune-engine"
_MASTER_ID = hashlib.sha256(b"a master key's id").digest()[:16]


@cache
def module(exports: tuple[str, ...] = ("canister_query get",), interface: str | None = "service : {}") -> bytes:
    """A module that exports empty functions of these names and carries an interface."""
    from wasmtime import wat2wasm

    functions = "".join(f'(func (export "{name}"))' for name in exports)
    plain = bytes(wat2wasm(f"(module (memory 1) {functions})"))
    if interface is None:
        return plain
    name = b"icp:public candid:service"
    return plain + encode_section(0, encode_unsigned(len(name)) + name + interface.encode())


@dataclass(frozen=True)
class MadeState:
    """A state in memory; a `SnapshotState`, too."""

    module: bytes = field(default_factory=module)
    heap: bytes = b"heap" * (WASM_PAGE_BYTES // 4) + bytes(2 * WASM_PAGE_BYTES)
    stable: bytes = b"stable!!" * (WASM_PAGE_BYTES // 8)
    chunks: tuple[bytes, ...] = (b"a chunk of the store",)
    globals: tuple[Global | None, ...] = (Global("i32", -7), Global("f64", 0.1))
    certified_data: bytes = b"certified"
    global_timer: int | None = 1_800_000_000_000_000_000

    @property
    def metadata(self) -> SnapshotMetadata:
        return SnapshotMetadata(
            source="taken_from_canister",
            taken_at_ns=int(AT.timestamp()) * 10**9,
            wasm_module_size=len(self.module),
            globals=self.globals,
            wasm_memory_size=len(self.heap),
            stable_memory_size=len(self.stable),
            wasm_chunk_store=tuple(hashlib.sha256(chunk).digest() for chunk in self.chunks),
            canister_version=12,
            certified_data=self.certified_data,
            global_timer=self.global_timer,
            on_low_wasm_memory_hook_status="condition_not_satisfied",
        )

    @property
    def module_hash(self) -> bytes:
        return hashlib.sha256(self.module).digest()

    def content(self, blob: Blob) -> bytes:
        return {"wasm_module": self.module, "wasm_memory": self.heap, "stable_memory": self.stable}[blob]

    def read(self, part: Slice) -> bytes:
        return self.content(part.blob)[part.offset : part.offset + part.size]

    def is_zero(self, part: Slice) -> bool:
        return is_zero(self.read(part))

    def chunk(self, digest: bytes) -> bytes:
        return next(chunk for chunk in self.chunks if hashlib.sha256(chunk).digest() == digest)

    def chunk_bytes(self, digest: bytes) -> int:
        return len(self.chunk(digest))

    def status(self, **changes: object) -> CanisterStatus:
        """The status of a canister with this state."""
        settings = CanisterSettings(
            controllers=(CONTROLLER,), compute_allocation=0, memory_allocation=0, freezing_threshold=2_592_000
        )
        status = CanisterStatus(
            status="running",
            cycles=3 * 10**12,
            idle_cycles_burned_per_day=10**9,
            memory_bytes=4 << 20,
            settings=settings,
            module_hash=self.module_hash,
            memory_metrics=MemoryMetrics(
                wasm_memory_size=len(self.heap),
                stable_memory_size=len(self.stable),
                wasm_binary_size=len(self.module),
                wasm_chunk_store_size=len(self.chunks) << 20,
            ),
            version=12,
        )
        return replace(status, **changes)  # type: ignore[arg-type]

    def write_directory(self, path: Path) -> Path:
        """The state as a snapshot directory in icp's form."""
        (path / CHUNK_STORE_NAME).mkdir(parents=True)
        (path / METADATA_NAME).write_bytes(encode_metadata(self.metadata))
        for blob in BLOBS:
            blob_path(path, blob).write_bytes(self.content(blob))
        for chunk in self.chunks:
            chunk_path(path, hashlib.sha256(chunk).digest()).write_bytes(chunk)
        return path


@dataclass(frozen=True)
class Copy:
    """What a set holds of a canister."""

    state: MadeState = field(default_factory=MadeState)
    status: CanisterStatus | None = None
    canister: Principal = RUNE_ENGINE
    interface: str | None = None
    """A record of its own, beside what the module carries."""
    chunk_bytes: int | None = None
    """In which the blobs are cut; the repository's choice when None."""


def new_repository(path: Path, *, id_key: bytes | None = None) -> Repository:
    """An empty repository, encrypted when it has a key that names chunks."""
    encryption = "none" if id_key is None else "aes-256-gcm"
    create_repository(LocalBackend(path), encryption=encryption)  # type: ignore[arg-type]
    if id_key is None:
        return Repository.open(path)
    keyring = Keyring(id_key, {_MASTER_ID: hashlib.sha256(b"a master key").digest()})
    return Repository.open(
        path, unlock=lambda _, facts: EncryptedVault(bytes.fromhex(facts.id), keyring, _MASTER_ID, os.urandom)
    )


def write_set(
    repository: Repository,
    copies: Mapping[str, Copy] | None = None,
    *,
    at: datetime = AT,
    names: Mapping[str, str] | None = None,
) -> str:
    """A committed set of these copies by folder; its name. `names` are those that the operator gave them, if others."""
    copies = {NAME: Copy()} if copies is None else copies
    writer = begin_backup(repository, at)
    chunks = repository.chunk_writer()
    for name, copy in copies.items():
        copied = store_state(copy.state, chunks)
        if copy.chunk_bytes is not None:
            copied = replace(copied, lists={**copied.lists, **_cut(copy.state, chunks, copy.chunk_bytes)})
        put_state(writer, name, copied)
        status = copy.status or copy.state.status()
        record = encode_status(status, canister_id=copy.canister.to_str(), name=name, read_at=at)
        writer.put_record(name, STATUS_NAME, record)
        if copy.interface is not None:
            writer.put_record(name, INTERFACE_NAME, copy.interface.encode())
    chunks.flush()
    repository.forget_index()
    entries = tuple(
        replace(_entry(name, copy, at), name=(names or {}).get(name, name)) for name, copy in copies.items()
    )
    writer.commit(set_items(ORIGIN, entries), document_of(tool="test", operation="op", network=ORIGIN))
    return writer.name


def _cut(state: MadeState, chunks: ChunkWriter, size: int) -> dict[str, ChunkList]:
    return {blob: joined(size, len(state.content(blob)), chunks.add(state.content(blob), size).ids) for blob in BLOBS}


def _entry(name: str, copy: Copy, at: datetime) -> ManifestCanister:
    return ManifestCanister(
        canister=copy.canister,
        name=name,
        folder=name,
        subnet=None,
        taken_at=at,
        mode="stop",
        status_before="running",
        snapshot_id=bytes(8) + copy.canister.bytes,
        module_hash=copy.state.module_hash,
        state_bytes=state_bytes(copy.state),
    )
