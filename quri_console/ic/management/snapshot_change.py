"""Snapshot methods that change something, as calls ready to be journalled; reached through `change`."""

from __future__ import annotations

from typing import Any

from quri_console.errors import QuriError
from quri_console.ic.encoding.candid import encode
from quri_console.ic.encoding.candid_budget import check_budget
from quri_console.ic.encoding.leb128 import encode_unsigned
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import interface
from quri_console.ic.management.snapshot_reply import decode_snapshot, decode_uploaded_id
from quri_console.ic.management.types import MAX_CHUNK_BYTES, MAX_SLICE_BYTES, Snapshot, SnapshotBlob, SnapshotMetadata
from quri_console.ic.prepared import PreparedCall
from quri_console.ic.reply import nothing


def take_canister_snapshot(canister: Principal, *, replace: bytes | None = None) -> PreparedCall[Snapshot]:
    """Copy the state on chain; `replace` deletes that snapshot once the new one, with a new id, exists."""
    argument = encode(
        [interface.TAKE_SNAPSHOT],
        [{"canister_id": canister, "replace_snapshot": [] if replace is None else [replace]}],
    )
    return PreparedCall("take_canister_snapshot", argument, canister, decode_snapshot)


def load_canister_snapshot(canister: Principal, snapshot_id: bytes) -> PreparedCall[None]:
    """Put a snapshot in place of the canister's state."""
    return _about_snapshot(canister, snapshot_id, "load_canister_snapshot")


def delete_canister_snapshot(canister: Principal, snapshot_id: bytes) -> PreparedCall[None]:
    """Delete a snapshot from the network."""
    return _about_snapshot(canister, snapshot_id, "delete_canister_snapshot")


def _about_snapshot(canister: Principal, snapshot_id: bytes, method: str) -> PreparedCall[None]:
    argument = encode([interface.SNAPSHOT], [{"canister_id": canister, "snapshot_id": snapshot_id}])
    return PreparedCall(method, argument, canister, nothing)


class UnknownGlobal(QuriError):
    """A snapshot names a global whose type and value are not known, so it cannot be uploaded."""


def upload_snapshot_metadata(
    canister: Principal, metadata: SnapshotMetadata, *, replace: bytes | None = None
) -> PreparedCall[bytes]:
    """Make a snapshot of these sizes, filled with zeroes; answers its id. Raises UnknownGlobal."""
    timer = metadata.global_timer
    hook = metadata.on_low_wasm_memory_hook_status
    argument = encode(
        [interface.UPLOAD_SNAPSHOT_METADATA],
        [
            {
                "canister_id": canister,
                "replace_snapshot": [] if replace is None else [replace],
                "wasm_module_size": metadata.wasm_module_size,
                "globals": _globals(metadata),
                "wasm_memory_size": metadata.wasm_memory_size,
                "stable_memory_size": metadata.stable_memory_size,
                "certified_data": metadata.certified_data,
                "global_timer": [] if timer is None else [_timer(timer)],
                "on_low_wasm_memory_hook_status": [] if hook is None else [{hook: None}],
            }
        ],
    )
    return PreparedCall("upload_canister_snapshot_metadata", argument, canister, decode_uploaded_id)


def _globals(metadata: SnapshotMetadata) -> list[dict[str, Any]]:
    unknown = [number for number, item in enumerate(metadata.globals) if item is None]
    if unknown:
        raise UnknownGlobal(
            f"Global {unknown[0]} of the snapshot is unknown",
            why="the network that it was read from could not tell its type",
            next_step="Restore from the on-chain snapshot or from another backup.",
        )
    return [{item.kind: item.value} for item in metadata.globals if item is not None]


def _timer(timer: int | str) -> dict[str, Any]:
    return {"active": timer} if isinstance(timer, int) else {"inactive": None}


def upload_snapshot_slice(
    canister: Principal, snapshot_id: bytes, blob: SnapshotBlob, offset: int, data: bytes | memoryview
) -> PreparedCall[None]:
    """Write at most 2,000,000 bytes at `offset`; may be repeated and come in any order."""
    if not 0 < len(data) <= MAX_SLICE_BYTES:
        raise ValueError(f"a slice has 1 to {MAX_SLICE_BYTES} bytes, not {len(data)}")
    return _upload(canister, snapshot_id, {blob: {"offset": offset}}, data)


def upload_snapshot_chunk(canister: Principal, snapshot_id: bytes, chunk: bytes | memoryview) -> PreparedCall[None]:
    """Add a chunk of at most 1 MiB to the snapshot's chunk store."""
    if not 0 < len(chunk) <= MAX_CHUNK_BYTES:
        raise ValueError(f"a chunk has 1 to {MAX_CHUNK_BYTES} bytes, not {len(chunk)}")
    return _upload(canister, snapshot_id, {"wasm_chunk": None}, chunk)


def _upload(
    canister: Principal, snapshot_id: bytes, kind: dict[str, Any], data: bytes | memoryview
) -> PreparedCall[None]:
    """The message that the library makes of an empty chunk, with the data put in.

    `chunk` has the smallest field hash of the record, so its value comes first. The megabytes are copied once.
    """
    record = {"canister_id": canister, "snapshot_id": snapshot_id, "kind": kind, "chunk": b""}
    empty = encode([interface.UPLOAD_SNAPSHOT_DATA], [record])
    start = check_budget(empty).values_start
    argument = b"".join((empty[:start], encode_unsigned(len(data)), data, empty[start + 1 :]))
    return PreparedCall("upload_canister_snapshot_data", argument, canister, nothing, bulk=True)
