"""Answers of replicas of any age: fields missing, added, or of another type."""

from __future__ import annotations

from typing import Any

import pytest

from quri_console.ic.encoding.candid import MalformedCandid, Types, encode, field_hash
from quri_console.ic.encoding.leb128 import encode_unsigned
from quri_console.ic.encoding.principal import ANONYMOUS, Principal
from quri_console.ic.management.snapshot_reply import decode_metadata, decode_slice, decode_snapshots
from quri_console.ic.management.status_reply import decode_status
from quri_console.ic.management.types import (
    CanisterSettings,
    EnvironmentVariable,
    Global,
    MemoryMetrics,
    Snapshot,
    Visibility,
)

BLOB = Types.Vec(Types.Nat8)
VISIBILITY = Types.Variant(
    {"controllers": Types.Null, "public": Types.Null, "allowed_viewers": Types.Vec(Types.Principal)}
)
OLD_SETTINGS: dict[str, tuple[Any, Any]] = {
    "controllers": (Types.Vec(Types.Principal), [ANONYMOUS]),
    "compute_allocation": (Types.Nat, 1),
    "memory_allocation": (Types.Nat, 2),
    "freezing_threshold": (Types.Nat, 2_592_000),
}
RUN_STATE = Types.Variant(dict.fromkeys(["running", "stopping", "stopped"], Types.Null))
OLD_STATUS: dict[str, tuple[Any, Any]] = {
    "status": (RUN_STATE, {"stopped": None}),
    "memory_size": (Types.Nat, 4096),
    "cycles": (Types.Nat, 1 << 80),
    "idle_cycles_burned_per_day": (Types.Nat, 86_400),
    "module_hash": (Types.Opt(BLOB), [b"\x07" * 32]),
}


def record(fields: dict[str, tuple[Any, Any]]) -> tuple[Any, Any]:
    """Type and value of a record."""
    kinds = {name: kind for name, (kind, _) in fields.items()}
    return Types.Record(kinds), {name: value for name, (_, value) in fields.items()}


def message(fields: dict[str, tuple[Any, Any]]) -> bytes:
    kind, value = record(fields)
    return encode([kind], [value])


def status_message(more_settings: dict[str, tuple[Any, Any]] | None = None, /, **changes: tuple[Any, Any]) -> bytes:
    return message({**OLD_STATUS, "settings": record({**OLD_SETTINGS, **(more_settings or {})}), **changes})


def test_the_status_of_an_old_replica_has_no_newer_fields() -> None:
    status = decode_status(status_message())
    assert (status.status, status.cycles, status.memory_bytes) == ("stopped", 1 << 80, 4096)
    assert status.module_hash == b"\x07" * 32
    assert status.settings == CanisterSettings((ANONYMOUS,), 1, 2, 2_592_000)
    assert (status.reserved_cycles, status.version, status.ready_for_migration) == (None, None, None)
    assert (status.memory_metrics, status.query_statistics) == (MemoryMetrics(), None)


def test_newer_fields_are_read() -> None:
    settings = {
        "reserved_cycles_limit": (Types.Nat, 5),
        "log_visibility": (VISIBILITY, {"allowed_viewers": [ANONYMOUS]}),
        "status_visibility": (VISIBILITY, {"public": None}),
        "environment_variables": (
            Types.Vec(Types.Record({"name": Types.Text, "value": Types.Text})),
            [{"name": "a", "value": "ü"}],
        ),
    }
    status = decode_status(
        status_message(
            settings,
            reserved_cycles=(Types.Nat, 9),
            version=(Types.Nat64, 3),
            ready_for_migration=(Types.Bool, False),
            memory_metrics=record({"snapshots_size": (Types.Nat, 77), "wasm_memory_size": (Types.Nat, 1)}),
            query_stats=record(
                {
                    "num_calls_total": (Types.Nat, 1),
                    "num_instructions_total": (Types.Nat, 2),
                    "request_payload_bytes_total": (Types.Nat, 3),
                    "response_payload_bytes_total": (Types.Nat, 4),
                }
            ),
        )
    )
    assert status.settings.log_visibility == Visibility("allowed_viewers", (ANONYMOUS,))
    assert status.settings.status_visibility == Visibility("public")
    assert status.settings.snapshot_visibility is None
    assert status.settings.environment_variables == (EnvironmentVariable("a", "ü"),)
    assert (status.settings.reserved_cycles_limit, status.reserved_cycles, status.version) == (5, 9, 3)
    assert status.ready_for_migration is False
    assert status.memory_metrics == MemoryMetrics(snapshots_size=77, wasm_memory_size=1)
    assert status.query_statistics is not None
    assert status.query_statistics.response_payload_bytes_total == 4


def test_what_a_future_replica_adds_is_passed_over() -> None:
    future = record({"deep": (Types.Vec(Types.Opt(Types.Text)), [["x"], []]), "0": (Types.Nat, 1)})
    visibility = Types.Variant({"moon": Types.Nat})
    status = decode_status(
        status_message(
            {"invented": future, "log_visibility": (visibility, {"moon": 1})},
            invented=future,
            module_hash=(Types.Opt(BLOB), []),
            cycles=(Types.Nat64, 12),
            reserved_cycles=(Types.Opt(Types.Nat), [8]),
        )
    )
    assert status.module_hash is None
    assert (status.cycles, status.reserved_cycles) == (12, 8)
    assert status.settings.log_visibility is None


@pytest.mark.parametrize("name", ["status", "cycles", "settings", "memory_size", "idle_cycles_burned_per_day"])
def test_a_field_that_every_replica_has_must_be_there(name: str) -> None:
    fields = {**OLD_STATUS, "settings": record(OLD_SETTINGS)}
    del fields[name]
    with pytest.raises(MalformedCandid):
        decode_status(message(fields))


@pytest.mark.parametrize(
    "changes",
    [
        {"cycles": (Types.Text, "many")},
        {"cycles": (Types.Int, -1)},
        {"module_hash": (Types.Opt(Types.Nat), [1])},
        {"settings": (Types.Nat, 1)},
        {"status": (Types.Variant({"sleeping": Types.Null}), {"sleeping": None})},
        {"ready_for_migration": (Types.Nat, 1)},
    ],
)
def test_a_field_of_another_type_is_refused(changes: dict[str, tuple[Any, Any]]) -> None:
    with pytest.raises(MalformedCandid):
        decode_status(status_message(**changes))


@pytest.mark.parametrize(
    "reply", [b"", b"DIDL", b"DIDL\0\0", encode([Types.Nat], [1]), b"DIDL\x01\x6e\x7f\x01\x00\x02"]
)
def test_what_is_no_status_is_refused(reply: bytes) -> None:
    with pytest.raises(MalformedCandid):
        decode_status(reply)


def test_the_freezing_limit_is_what_is_not_reserved_of_the_idle_burn() -> None:
    status = decode_status(status_message())
    assert status.freezing_limit_cycles == 2_592_000
    reserved = decode_status(status_message(reserved_cycles=(Types.Nat, 2_000_000)))
    assert reserved.freezing_limit_cycles == 592_000
    plenty = decode_status(status_message(reserved_cycles=(Types.Nat, 3_000_000)))
    assert plenty.freezing_limit_cycles == 0


GLOBAL = Types.Variant(
    {"i32": Types.Int32, "i64": Types.Int64, "f32": Types.Float32, "f64": Types.Float64, "v128": Types.Nat}
)
METADATA: dict[str, tuple[Any, Any]] = {
    "taken_at_timestamp": (Types.Nat64, 1),
    "wasm_module_size": (Types.Nat64, 2),
    "globals": (
        Types.Vec(Types.Opt(GLOBAL)),
        [[{"i32": -1}], [{"i64": -(2**63)}], [{"f32": 0.5}], [], [{"v128": 2**128 - 1}]],
    ),
    "wasm_memory_size": (Types.Nat64, 3),
    "stable_memory_size": (Types.Nat64, 4),
    "wasm_chunk_store": (Types.Vec(Types.Record({"hash": BLOB})), [{"hash": b"\x01" * 32}]),
    "canister_version": (Types.Nat64, 5),
    "certified_data": (BLOB, b""),
}


def test_old_metadata_lacks_source_timer_and_hook() -> None:
    metadata = decode_metadata(message(METADATA))
    assert metadata.globals == (
        Global("i32", -1),
        Global("i64", -(2**63)),
        Global("f32", 0.5),
        None,
        Global("v128", 2**128 - 1),
    )
    assert metadata.wasm_chunk_store == (b"\x01" * 32,)
    assert (metadata.source, metadata.global_timer, metadata.on_low_wasm_memory_hook_status) == (None, None, None)
    assert metadata.certified_data == b""


def test_new_metadata_has_source_timer_and_hook() -> None:
    timer = Types.Variant({"inactive": Types.Null, "active": Types.Nat64})
    hook = Types.Variant(dict.fromkeys(["condition_not_satisfied", "ready", "executed"], Types.Null))
    source = Types.Variant({"taken_from_canister": Types.Reserved, "metadata_upload": Types.Reserved})
    more = {
        "source": (Types.Opt(source), [{"metadata_upload": None}]),
        "global_timer": (Types.Opt(timer), [{"active": 42}]),
        "on_low_wasm_memory_hook_status": (Types.Opt(hook), [{"ready": None}]),
    }
    metadata = decode_metadata(message({**METADATA, **more}))
    assert (metadata.source, metadata.global_timer) == ("metadata_upload", 42)
    assert metadata.on_low_wasm_memory_hook_status == "ready"
    more["global_timer"] = (Types.Opt(timer), [{"inactive": None}])
    assert decode_metadata(message({**METADATA, **more})).global_timer == "inactive"


def test_an_empty_list_of_anything_is_empty() -> None:
    empty = {"globals": (Types.Vec(Types.Empty), []), "wasm_chunk_store": (BLOB, b"")}
    metadata = decode_metadata(message({**METADATA, **empty}))
    assert (metadata.globals, metadata.wasm_chunk_store) == ((), ())
    assert decode_snapshots(encode([Types.Vec(Types.Empty)], [[]])) == ()


def test_snapshots_are_listed() -> None:
    kind, value = record(
        {"id": (BLOB, b"\x09"), "taken_at_timestamp": (Types.Nat64, 7), "total_size": (Types.Nat64, 8)}
    )
    assert decode_snapshots(encode([Types.Vec(kind)], [[value]])) == (Snapshot(b"\x09", 7, 8),)


SLICE = Types.Record({"chunk": BLOB})


@pytest.mark.parametrize("size", [0, 1, 127, 128, 2_000_000])
def test_a_slice_is_a_view_of_the_reply(size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    reply = encode([SLICE], [{"chunk": data}])
    view = decode_slice(reply)
    assert view == data
    assert view.obj is reply


def test_a_slice_may_have_its_type_table_in_any_order() -> None:
    name = encode_unsigned(field_hash("chunk"))
    assert decode_slice(b"DIDL\x02\x6c\x01" + name + b"\x01\x6d\x7b\x01\x00\x03abc") == b"abc"
    assert decode_slice(b"DIDL\x02\x6d\x7b\x6c\x01" + name + b"\x00\x01\x01\x03abc") == b"abc"


@pytest.mark.parametrize(
    "reply",
    [
        encode([], []),
        encode([Types.Nat], [1]),
        encode([BLOB], [b"abc"]),
        encode([Types.Record({"other": BLOB})], [{"other": b"abc"}]),
        encode([Types.Record({"chunk": Types.Vec(Types.Nat16)})], [{"chunk": [1]}]),
        encode([Types.Record({"chunk": BLOB, "more": BLOB})], [{"chunk": b"abc", "more": b""}]),
        encode([Types.Variant({"chunk": BLOB})], [{"chunk": b"abc"}]),
        encode([SLICE, SLICE], [{"chunk": b"abc"}] * 2),
        encode([SLICE], [{"chunk": b"abc"}])[:-1],
        encode([SLICE], [{"chunk": b"abc"}]) + b"\0",
        encode([SLICE], [{"chunk": b""}])[:-1] + b"\xff" * 8 + b"\x01",
        b"",
    ],
)
def test_anything_else_is_no_slice(reply: bytes) -> None:
    with pytest.raises(MalformedCandid):
        decode_slice(reply)


def test_a_principal_in_an_answer_is_ours() -> None:
    assert isinstance(decode_status(status_message()).settings.controllers[0], Principal)
