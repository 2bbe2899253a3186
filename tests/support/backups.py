"""Backup sets without a network: the same writers that a capture uses, fed with made-up states."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from quri_console.backup.browse import EXTRAS_NAME, INTERFACE_NAME, STATUS_NAME
from quri_console.backup.canister_records import put_state
from quri_console.backup.interchange import CHUNK_STORE_NAME, METADATA_NAME, Blob, Slice, blob_path, chunk_path
from quri_console.backup.manifest import (
    GroupWindow,
    ManifestCanister,
    ManifestFailure,
    Mode,
    NetworkOrigin,
    document_of,
    set_items,
)
from quri_console.backup.snapshot_json import encode_metadata
from quri_console.backup.status_record import encode_status
from quri_console.backup.store_state import store_state
from quri_console.clock import ManualClock
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import (
    CanisterSettings,
    CanisterStatus,
    Global,
    MemoryMetrics,
    SnapshotMetadata,
    Visibility,
)
from quri_console.repository.files import make_private_directory, write_private
from quri_console.repository.local import LocalBackend
from quri_console.repository.sealed import seal
from quri_console.repository.set_writer import SetWriter
from quri_console.repository.store import REPOSITORY_FILE, Repository, create_repository
from quri_console.units import WASM_PAGE_BYTES

RUNE_ENGINE = Principal.from_str("rrkah-fqaaa-aaaaa-aaaaq-cai")
REGISTRY = Principal.from_str("ryjl3-tyaaa-aaaaa-aaaba-cai")
CONTROLLER = Principal(bytes(range(28)) + b"\x02")
ORIGIN = NetworkOrigin("local", hashlib.sha256(b"root key").digest())
MODULE = b"\x00asm\x01\x00\x00\x00" + b"made up"
CHUNK = b"a chunk of the store"
INTERFACE = b"service : { health : () -> (bool) query }\n"
AT = datetime(2025, 1, 24, 2, tzinfo=UTC)
"""When a made-up backup is taken unless a test says otherwise."""
NOW = datetime(2025, 3, 1, tzinfo=UTC)
"""The present of a repository that a test opens."""


@dataclass(frozen=True)
class MadeUpState:
    """What a snapshot holds."""

    module: bytes = MODULE
    heap: bytes = bytes(range(256)) * 256 + bytes(WASM_PAGE_BYTES)
    stable: bytes = b"stable!!" * (WASM_PAGE_BYTES // 8)
    chunks: tuple[bytes, ...] = (CHUNK,)
    globals: tuple[Global | None, ...] = (
        Global("i32", -7),
        Global("i64", -(1 << 63)),
        Global("f64", 0.1),
        Global("v128", 3 + (16 << 96)),
    )

    def metadata(self) -> SnapshotMetadata:
        return SnapshotMetadata(
            source="taken_from_canister",
            taken_at_ns=1_737_684_000_123_456_789,
            wasm_module_size=len(self.module),
            globals=self.globals,
            wasm_memory_size=len(self.heap),
            stable_memory_size=len(self.stable),
            wasm_chunk_store=tuple(hashlib.sha256(chunk).digest() for chunk in self.chunks),
            canister_version=12,
            certified_data=b"\x01\x02",
            global_timer=1_800_000_000_000_000_000,
            on_low_wasm_memory_hook_status="condition_not_satisfied",
        )

    def module_hash(self) -> bytes:
        return hashlib.sha256(self.module).digest()


def made_up_status(state: MadeUpState | None = None, **changes: object) -> CanisterStatus:
    """The status of a canister with this state."""
    state = state or MadeUpState()
    settings = CanisterSettings(
        controllers=(CONTROLLER,),
        compute_allocation=0,
        memory_allocation=0,
        freezing_threshold=2_592_000,
        reserved_cycles_limit=5 * 10**12,
        log_visibility=Visibility("allowed_viewers", (CONTROLLER,)),
    )
    status = CanisterStatus(
        status="running",
        cycles=3 * 10**12,
        idle_cycles_burned_per_day=10**9,
        memory_bytes=4 << 20,
        settings=settings,
        module_hash=state.module_hash(),
        reserved_cycles=0,
        memory_metrics=MemoryMetrics(
            wasm_memory_size=len(state.heap),
            stable_memory_size=len(state.stable),
            wasm_binary_size=len(state.module),
            wasm_chunk_store_size=1 << 20,
        ),
        version=12,
    )
    return replace(status, **changes)


def write_snapshot(directory: Path, state: MadeUpState) -> None:
    """A snapshot directory in icp's form."""
    make_private_directory(directory)
    make_private_directory(directory / CHUNK_STORE_NAME)
    write_private(directory / METADATA_NAME, encode_metadata(state.metadata()))
    write_private(blob_path(directory, "wasm_module"), state.module)
    write_private(blob_path(directory, "wasm_memory"), state.heap)
    write_private(blob_path(directory, "stable_memory"), state.stable)
    for chunk in state.chunks:
        write_private(chunk_path(directory, hashlib.sha256(chunk).digest()), chunk)


@dataclass(frozen=True)
class _Readable:
    """A made-up state as the product reads states."""

    made_up: MadeUpState

    @property
    def metadata(self) -> SnapshotMetadata:
        return self.made_up.metadata()

    def read(self, part: Slice) -> bytes:
        blobs: dict[Blob, bytes] = {
            "wasm_module": self.made_up.module,
            "wasm_memory": self.made_up.heap,
            "stable_memory": self.made_up.stable,
        }
        return blobs[part.blob][part.offset : part.offset + part.size]

    def is_zero(self, part: Slice) -> bool:
        return not any(self.read(part))

    def chunk(self, digest: bytes) -> bytes:
        return next(chunk for chunk in self.made_up.chunks if hashlib.sha256(chunk).digest() == digest)

    def chunk_bytes(self, digest: bytes) -> int:
        return len(self.chunk(digest))


def repository_in(root: Path, *, now: datetime = NOW) -> Repository:
    """The repository at `root`, freshly opened at a time; made in the clear when there is none."""
    clock = ManualClock(int(now.timestamp()) * 10**9)
    if not (root / REPOSITORY_FILE).exists():
        create_repository(LocalBackend(root), clock=clock)
    return Repository.open(root, clock=clock)


def write_backup(
    place: Path | Repository,
    states: Mapping[tuple[str, Principal], MadeUpState] | None = None,
    *,
    at: datetime = AT,
    failures: tuple[ManifestFailure, ...] = (),
    groups: tuple[GroupWindow, ...] = (),
    origin: NetworkOrigin = ORIGIN,
    mode: Mode = "stop",
    interface: bytes = INTERFACE,
    **changes: object,
) -> str:
    """A committed set in a repository (or in the one at a path); its name. `changes` are fields of every canister."""
    repository = repository_in(place) if isinstance(place, Path) else place
    states = states or {("rune-engine", RUNE_ENGINE): MadeUpState()}
    writer = begin_backup(repository, at)
    canisters = []
    for (name, canister), state in states.items():
        chunks = repository.chunk_writer()
        copied = store_state(_Readable(state), chunks)
        chunks.flush()
        put_state(writer, name, copied)
        record = encode_status(made_up_status(state), canister_id=canister.to_str(), name=name, read_at=at)
        writer.put_record(name, STATUS_NAME, record)
        writer.put_record(name, INTERFACE_NAME, interface)
        writer.put_record(name, EXTRAS_NAME, seal({"absent": {"export": "it offers none"}}))
        entry = _entry(name, canister, state, at, mode)
        entry = replace(entry, state_bytes=copied.state_bytes, new_bytes=chunks.totals.new_bytes)
        canisters.append(replace(entry, **changes))  # type: ignore[arg-type]
    document = document_of(tool="quri-console 0", operation="op", network=origin, failures=failures, groups=groups)
    writer.commit(set_items(origin, canisters), document)
    return writer.name


def begin_backup(repository: Repository, at: datetime = AT, operation: str = "op") -> SetWriter:
    """A set of that time that is not committed yet."""
    now_ns = int(at.timestamp()) * 10**9
    begun = {"operation": operation, "network": "local"}
    writer = SetWriter.reserve(repository.backend, repository.vault, repository.id, now_ns, begun)
    assert writer is not None
    return writer


def _entry(name: str, canister: Principal, state: MadeUpState, at: datetime, mode: Mode) -> ManifestCanister:
    return ManifestCanister(
        canister=canister,
        name=name,
        folder=name,
        subnet=None,
        taken_at=at,
        mode=mode,
        status_before="running",
        snapshot_id=bytes(8) + canister.bytes,
        module_hash=state.module_hash(),
        state_bytes=0,
        cycles_before=3 * 10**12,
        cycles_after=3 * 10**12 - 4 * 10**8,
    )
