"""Backup sets on disk without a network: the same writers that a capture uses, fed with made-up states."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from quri_console.backup.browse import SNAPSHOT_NAME, STATUS_NAME
from quri_console.backup.directory import SetWriter
from quri_console.backup.files import hash_file, make_private_directory, write_private
from quri_console.backup.interchange import CHUNK_STORE_NAME, METADATA_NAME, blob_path, chunk_path
from quri_console.backup.manifest import Manifest, ManifestCanister, ManifestFailure, ManifestFile, NetworkOrigin
from quri_console.backup.snapshot_json import encode_metadata
from quri_console.backup.status_record import encode_status
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
from quri_console.units import WASM_PAGE_BYTES

RUNE_ENGINE = Principal.from_str("rrkah-fqaaa-aaaaa-aaaaq-cai")
REGISTRY = Principal.from_str("ryjl3-tyaaa-aaaaa-aaaba-cai")
CONTROLLER = Principal(bytes(range(28)) + b"\x02")
ORIGIN = NetworkOrigin("local", hashlib.sha256(b"root key").digest())
MODULE = b"\x00asm\x01\x00\x00\x00" + b"made up"
CHUNK = b"a chunk of the store"


@dataclass(frozen=True)
class MadeUpState:
    """What a snapshot directory holds."""

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


async def write_backup(
    root: Path,
    states: dict[tuple[str, Principal], MadeUpState] | None = None,
    *,
    at: datetime = datetime(2025, 1, 24, 2, tzinfo=UTC),
    failures: tuple[ManifestFailure, ...] = (),
    origin: NetworkOrigin = ORIGIN,
) -> Path:
    """A committed set; its directory."""
    states = states or {("rune-engine", RUNE_ENGINE): MadeUpState()}
    writer = await SetWriter.reserve(root, ManualClock(int(at.timestamp()) * 10**9))
    canisters, files = [], []
    for (name, canister), state in states.items():
        folder = writer.add_folder(name)
        write_snapshot(folder / SNAPSHOT_NAME, state)
        record = encode_status(made_up_status(state), canister_id=canister.to_str(), name=name, read_at=at)
        write_private(folder / STATUS_NAME, record)
        canisters.append(_entry(name, canister, state, at))
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            size, digest = hash_file(path)
            files.append(ManifestFile(PurePosixPath(path.relative_to(writer.path)), size, digest))
    return writer.commit(Manifest(at, "quri-console 0", "op", origin, tuple(canisters), failures, tuple(files)))


def _entry(name: str, canister: Principal, state: MadeUpState, at: datetime) -> ManifestCanister:
    return ManifestCanister(
        canister=canister,
        name=name,
        folder=name,
        subnet=None,
        taken_at=at,
        mode="stop",
        status_before="running",
        snapshot_id=bytes(8) + canister.bytes,
        module_hash=state.module_hash(),
        state_bytes=len(state.module) + len(state.heap) + len(state.stable),
    )
