"""Answers of the snapshot methods as values; slices without any Candid library."""

from __future__ import annotations

from typing import Any

from quri_console.ic.encoding.candid import MalformedCandid, field_hash
from quri_console.ic.encoding.candid_budget import Budget, Entry, Opcode, check_budget
from quri_console.ic.encoding.leb128 import read_unsigned
from quri_console.ic.management.types import Global, GlobalKind, HookStatus, Snapshot, SnapshotMetadata, SnapshotSource
from quri_console.ic.reply import answer, case_of, fields, natural

_SOURCES: tuple[SnapshotSource, ...] = ("taken_from_canister", "metadata_upload")
_HOOK_STATES: tuple[HookStatus, ...] = ("condition_not_satisfied", "ready", "executed")
_GLOBAL_KINDS: tuple[GlobalKind, ...] = ("i32", "i64", "f32", "f64", "v128")
_CHUNK = field_hash("chunk")
_SLICE_BUDGET = Budget(values=8, depth=4, bytes=3 << 20, types=32)


def decode_slice(reply: bytes) -> memoryview:
    """The bytes of `record { chunk : blob }`, as a view of the reply; raises MalformedCandid for any other shape.

    The budget walk reads the few bytes of the type table and steps over the blob, so the size costs nothing.
    """
    message = check_budget(reply, _SLICE_BUDGET)
    if len(message.arguments) != 1 or message.arguments[0] < 0:
        raise MalformedCandid("it is not a slice of a snapshot")
    record = message.table[message.arguments[0]]
    if record.opcode != Opcode.RECORD or record.labels != (_CHUNK,) or not _is_blob(record.members[0], message.table):
        raise MalformedCandid("it is not a slice of a snapshot")
    length, start = read_unsigned(reply, message.values_start)
    return memoryview(reply)[start : start + length]


def _is_blob(kind: int, table: tuple[Entry, ...]) -> bool:
    return kind >= 0 and table[kind].opcode == Opcode.VEC and table[kind].members == (Opcode.NAT8,)


def decode_snapshot(reply: bytes) -> Snapshot:
    """The answer of `take_canister_snapshot`; raises MalformedCandid."""
    return _snapshot(answer(reply))


def decode_snapshots(reply: bytes) -> tuple[Snapshot, ...]:
    """The answer of `list_canister_snapshots`; raises MalformedCandid."""
    value = answer(reply)
    if not isinstance(value, list):
        raise MalformedCandid("it is not a list of snapshots")
    return tuple(_snapshot(item) for item in value)


def _snapshot(value: Any) -> Snapshot:
    record = fields(value)
    return Snapshot(record.blob("id"), record.natural("taken_at_timestamp"), record.natural("total_size"))


def decode_metadata(reply: bytes) -> SnapshotMetadata:
    """The answer of `read_canister_snapshot_metadata`; raises MalformedCandid."""
    record = fields(answer(reply))
    return SnapshotMetadata(
        source=record.case_or_none("source", _SOURCES),
        taken_at_ns=record.natural("taken_at_timestamp"),
        wasm_module_size=record.natural("wasm_module_size"),
        globals=record.list("globals", _global),
        wasm_memory_size=record.natural("wasm_memory_size"),
        stable_memory_size=record.natural("stable_memory_size"),
        wasm_chunk_store=record.list("wasm_chunk_store", lambda item: fields(item).blob("hash")),
        canister_version=record.natural("canister_version"),
        certified_data=record.blob("certified_data"),
        global_timer=_timer(record.optional("global_timer")),
        on_low_wasm_memory_hook_status=record.case_or_none("on_low_wasm_memory_hook_status", _HOOK_STATES),
    )


def _global(value: Any) -> Global | None:
    if isinstance(value, list):
        if not value:
            return None
        value = value[0]
    kind, content = case_of(value, _GLOBAL_KINDS)
    if kind is None:
        return None
    allowed = (int, float) if kind in ("f32", "f64") else (int,)
    if not isinstance(content, allowed) or isinstance(content, bool):
        raise MalformedCandid("a global is not a number")
    return Global(kind, content)


def _timer(value: Any) -> Any:
    if value is None:
        return None
    case, deadline = case_of(value, ("inactive", "active"))
    match case:
        case "inactive":
            return case
        case "active":
            return natural(deadline, "the global timer")
    raise MalformedCandid("it holds a timer state that this version does not know")


def decode_uploaded_id(reply: bytes) -> bytes:
    """The id in the answer of `upload_canister_snapshot_metadata`; raises MalformedCandid."""
    return fields(answer(reply)).blob("snapshot_id")
