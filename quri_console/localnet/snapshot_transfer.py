"""Downloading snapshots slice by slice, and building them from uploads (facts: snapshot methods)."""

from __future__ import annotations

from typing import Any

from quri_console.ic.encoding import candid, leb128
from quri_console.localnet import management_types as types
from quri_console.localnet import words
from quri_console.localnet.canister import Canister, Use
from quri_console.localnet.charges import (
    SNAPSHOT_CHUNK_READ_BYTES,
    SNAPSHOT_CHUNK_UPLOAD_INSTRUCTIONS,
    SNAPSHOT_READ_BASE_INSTRUCTIONS,
)
from quri_console.localnet.management import EMPTY_REPLY, Invocation, reply
from quri_console.localnet.management_chunks import store_chunk
from quri_console.localnet.messages import Reply
from quri_console.localnet.snapshot_store import StoredSnapshot
from quri_console.localnet.snapshots import charge_snapshot, find_snapshot, replaced_snapshot
from quri_console.units import GIB, MIB, WASM_PAGE_BYTES
from quri_console.wasm.state import GlobalValue

MAX_SLICE_BYTES = 2_000_000
MAX_CERTIFIED_DATA_BYTES = 32
MAX_MODULE_BYTES = 100 * MIB
# The whole network lives in one process; what a subnet holds would not fit.
MEMORY_CAPACITY_BYTES = 8 * GIB
_CHUNK_REPLY_HEADER = candid.encode([types.READ_SNAPSHOT_DATA_RESULT], [{"chunk": b""}])[:-1]


def metadata_record(snapshot: StoredSnapshot) -> dict[str, Any]:
    """The `read_canister_snapshot_metadata` result."""
    timer_ns = snapshot.global_timer_ns
    return {
        "source": [{"metadata_upload" if snapshot.is_uploaded else "taken_from_canister": None}],
        "taken_at_timestamp": snapshot.taken_at_ns,
        "wasm_module_size": len(snapshot.wasm_module),
        "globals": [[{value.kind: value.value}] for value in snapshot.globals],
        "wasm_memory_size": len(snapshot.wasm_memory),
        "stable_memory_size": len(snapshot.stable_memory),
        "wasm_chunk_store": [{"hash": digest} for digest in sorted(snapshot.chunk_store)],
        "canister_version": snapshot.canister_version,
        "certified_data": snapshot.certified_data,
        "global_timer": [] if timer_ns is None else [{"active": timer_ns} if timer_ns else {"inactive": None}],
        "on_low_wasm_memory_hook_status": [] if snapshot.hook_status is None else [{snapshot.hook_status: None}],
    }


async def read_metadata(call: Invocation) -> Reply:
    """read_canister_snapshot_metadata."""
    snapshot = find_snapshot(call.canister, call.record["snapshot_id"])
    return reply(types.SNAPSHOT_METADATA_RESULT, metadata_record(snapshot))


async def read_data(call: Invocation) -> Reply:
    """read_canister_snapshot_data: one slice of at most 2,000,000 bytes, or one chunk."""
    canister = call.canister
    snapshot = find_snapshot(canister, call.record["snapshot_id"])
    kind, wanted = next(iter(call.record["kind"].items()))
    if kind == "wasm_chunk":
        chunk = snapshot.chunk_store.get(wanted["hash"])
        if chunk is None:
            raise words.chunk_store_error(f"Chunk hash {wanted['hash'].hex()} was not found")
        data, charged_bytes = memoryview(chunk), SNAPSHOT_CHUNK_READ_BYTES
    else:
        data = _slice(snapshot, kind, wanted["offset"], wanted["size"])
        charged_bytes = len(data)
    cost = call.subnet.prices.instructions(SNAPSHOT_READ_BASE_INSTRUCTIONS + charged_bytes)
    call.subnet.accounts.charge(canister, cost, Use.INSTRUCTIONS, "Canister snapshotting")
    return Reply(b"".join((_CHUNK_REPLY_HEADER, leb128.encode_unsigned(len(data)), data)))


def _slice(snapshot: StoredSnapshot, kind: Any, offset: int, size: int) -> memoryview:
    if size > MAX_SLICE_BYTES:
        raise words.slice_too_large(size, MAX_SLICE_BYTES)
    blob = snapshot.blob(kind)
    if offset + size > len(blob):
        raise words.invalid_slice(offset, size)
    return memoryview(blob)[offset : offset + size]


async def upload_metadata(call: Invocation) -> Reply:
    """upload_canister_snapshot_metadata: a new snapshot of zeroes whose whole size is paid for at once."""
    canister, record = call.canister, call.record
    _check_sizes(record)
    size_bytes = record["wasm_module_size"] + record["wasm_memory_size"] + record["stable_memory_size"]
    replaced = replaced_snapshot(call, canister)
    charge_snapshot(call, canister, size_bytes, replaced)
    snapshot = _empty_snapshot(call, canister)
    if replaced is not None:
        del canister.snapshots[replaced.id]
    canister.snapshots[snapshot.id] = snapshot
    return reply(types.UPLOAD_SNAPSHOT_METADATA_RESULT, {"snapshot_id": snapshot.id})


def _check_sizes(record: Any) -> None:
    for name in ("wasm_memory_size", "stable_memory_size"):
        if record[name] % WASM_PAGE_BYTES:
            raise words.snapshot_inconsistent(
                f"The {name} of an uploaded snapshot must be a multiple of the Wasm page size: {record[name]}"
            )
    if len(record["certified_data"]) > MAX_CERTIFIED_DATA_BYTES:
        raise words.snapshot_inconsistent(
            f"certified_data of an uploaded snapshot has {len(record['certified_data'])} bytes, "
            f"more than {MAX_CERTIFIED_DATA_BYTES}"
        )
    if record["wasm_module_size"] > MAX_MODULE_BYTES:
        raise words.snapshot_inconsistent(
            f"wasm_module_size of an uploaded snapshot is {record['wasm_module_size']}, more than {MAX_MODULE_BYTES}"
        )
    if record["wasm_memory_size"] + record["stable_memory_size"] > MEMORY_CAPACITY_BYTES:
        raise words.subnet_full(record["wasm_memory_size"] + record["stable_memory_size"], MEMORY_CAPACITY_BYTES)


def _empty_snapshot(call: Invocation, canister: Canister) -> StoredSnapshot:
    record = call.record
    hook = record["on_low_wasm_memory_hook_status"]
    return StoredSnapshot(
        id=canister.next_snapshot_id(),
        taken_at_ns=call.subnet.clock.now_ns(),
        canister_version=canister.version,
        is_uploaded=True,
        wasm_module=bytearray(record["wasm_module_size"]),
        wasm_memory=bytearray(record["wasm_memory_size"]),
        stable_memory=bytearray(record["stable_memory_size"]),
        globals=tuple(GlobalValue.of(*next(iter(value.items()))) for value in record["globals"]),
        certified_data=record["certified_data"],
        global_timer_ns=_uploaded_timer(record["global_timer"]),
        hook_status=next(iter(hook[0])) if hook else None,
    )


def _uploaded_timer(given: Any) -> int | None:
    if not given:
        return None
    return int(given[0].get("active") or 0)


async def upload_data(call: Invocation) -> Reply:
    """upload_canister_snapshot_data: into a snapshot that began as an upload, at any offset, as often as wanted."""
    canister, chunk = call.canister, call.record["chunk"]
    snapshot = find_snapshot(canister, call.record["snapshot_id"])
    if not snapshot.is_uploaded:
        raise words.snapshot_immutable()
    kind, place = next(iter(call.record["kind"].items()))
    instructions = SNAPSHOT_CHUNK_UPLOAD_INSTRUCTIONS if kind == "wasm_chunk" else len(chunk)
    cost = call.subnet.prices.instructions(instructions)
    call.subnet.accounts.charge(canister, cost, Use.INSTRUCTIONS, "Canister snapshotting")
    if kind == "wasm_chunk":
        store_chunk(snapshot.chunk_store, chunk)
        return EMPTY_REPLY
    blob = snapshot.blob(kind)
    offset = place["offset"]
    if offset + len(chunk) > len(blob):
        raise words.invalid_slice(offset, len(chunk))
    memoryview(blob)[offset : offset + len(chunk)] = chunk
    return EMPTY_REPLY
