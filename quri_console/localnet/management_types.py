"""Candid types of the management canister (ic.did of interface specification 0.66 and of the replica)."""

from __future__ import annotations

from typing import Any

from quri_console.ic.encoding.candid import Types

T = Types
BLOB = T.Vec(T.Nat8)


def _optional(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: T.Opt(kind) for name, kind in fields.items()}


VISIBILITY = T.Variant({"controllers": T.Null, "public": T.Null, "allowed_viewers": T.Vec(T.Principal)})
_SETTINGS_FIELDS: dict[str, Any] = {
    "controllers": T.Vec(T.Principal),
    "compute_allocation": T.Nat,
    "memory_allocation": T.Nat,
    "freezing_threshold": T.Nat,
    "reserved_cycles_limit": T.Nat,
    "minimum_incoming_canister_call_cycles": T.Nat,
    "log_visibility": VISIBILITY,
    "log_memory_limit": T.Nat,
    "snapshot_visibility": VISIBILITY,
    "status_visibility": VISIBILITY,
    "wasm_memory_limit": T.Nat,
    "wasm_memory_threshold": T.Nat,
    "environment_variables": T.Vec(T.Record({"name": T.Text, "value": T.Text})),
}
CANISTER_SETTINGS = T.Record(_optional(_SETTINGS_FIELDS))
DEFINITE_CANISTER_SETTINGS = T.Record(_SETTINGS_FIELDS)

CANISTER_ID = {"canister_id": T.Principal}
SENDER_VERSION = _optional({"sender_canister_version": T.Nat64})
CANISTER_ID_ARGUMENT = T.Record(CANISTER_ID)
CANISTER_ID_RESULT = T.Record(CANISTER_ID)
NO_ARGUMENT = None

CANISTER_STATUS_RESULT = T.Record(
    {
        "status": T.Variant({"running": T.Null, "stopping": T.Null, "stopped": T.Null}),
        "ready_for_migration": T.Bool,
        "version": T.Nat64,
        "settings": DEFINITE_CANISTER_SETTINGS,
        "module_hash": T.Opt(BLOB),
        "memory_size": T.Nat,
        "memory_metrics": T.Record(
            {
                "wasm_memory_size": T.Nat,
                "stable_memory_size": T.Nat,
                "global_memory_size": T.Nat,
                "wasm_binary_size": T.Nat,
                "custom_sections_size": T.Nat,
                "canister_history_size": T.Nat,
                "wasm_chunk_store_size": T.Nat,
                "snapshots_size": T.Nat,
                "log_memory_store_size": T.Nat,
            }
        ),
        "cycles": T.Nat,
        "reserved_cycles": T.Nat,
        "idle_cycles_burned_per_day": T.Nat,
        "query_stats": T.Record(
            {
                "num_calls_total": T.Nat,
                "num_instructions_total": T.Nat,
                "request_payload_bytes_total": T.Nat,
                "response_payload_bytes_total": T.Nat,
            }
        ),
    }
)

UPDATE_SETTINGS_ARGUMENT = T.Record({**CANISTER_ID, "settings": CANISTER_SETTINGS, **SENDER_VERSION})
UNINSTALL_ARGUMENT = T.Record({**CANISTER_ID, **SENDER_VERSION})

_UPGRADE_OPTIONS = T.Record(
    _optional({"skip_pre_upgrade": T.Bool, "wasm_memory_persistence": T.Variant({"keep": T.Null, "replace": T.Null})})
)
INSTALL_MODE = T.Variant({"install": T.Null, "reinstall": T.Null, "upgrade": T.Opt(_UPGRADE_OPTIONS)})
INSTALL_CODE_ARGUMENT = T.Record(
    {"mode": INSTALL_MODE, **CANISTER_ID, "wasm_module": BLOB, "arg": BLOB, **SENDER_VERSION}
)
CHUNK_HASH = T.Record({"hash": BLOB})
INSTALL_CHUNKED_CODE_ARGUMENT = T.Record(
    {
        "mode": INSTALL_MODE,
        "target_canister": T.Principal,
        "store_canister": T.Opt(T.Principal),
        "chunk_hashes_list": T.Vec(CHUNK_HASH),
        "wasm_module_hash": BLOB,
        "arg": BLOB,
        **SENDER_VERSION,
    }
)
UPLOAD_CHUNK_ARGUMENT = T.Record({**CANISTER_ID, "chunk": BLOB})
STORED_CHUNKS_RESULT = T.Vec(CHUNK_HASH)

CREATE_ARGUMENT = T.Record({"settings": T.Opt(CANISTER_SETTINGS), **SENDER_VERSION})
PROVISIONAL_CREATE_ARGUMENT = T.Record(
    {
        "amount": T.Opt(T.Nat),
        "settings": T.Opt(CANISTER_SETTINGS),
        "specified_id": T.Opt(T.Principal),
        **SENDER_VERSION,
    }
)
PROVISIONAL_TOP_UP_ARGUMENT = T.Record({**CANISTER_ID, "amount": T.Nat})

CANISTER_METRICS_RESULT = T.Record(
    {
        "cycles_consumed": T.Record(
            {
                "memory": T.Nat,
                "compute_allocation": T.Nat,
                "ingress_induction": T.Nat,
                "instructions": T.Nat,
                "request_and_response_transmission": T.Nat,
                "uninstall": T.Nat,
                "canister_creation": T.Nat,
                "http_outcalls": T.Nat,
                "burned_cycles": T.Nat,
            }
        )
    }
)

_RANGE = T.Record({"start": T.Nat64, "end": T.Nat64})
FETCH_LOGS_ARGUMENT = T.Record(
    {**CANISTER_ID, "filter": T.Opt(T.Variant({"by_idx": _RANGE, "by_timestamp_nanos": _RANGE}))}
)
FETCH_LOGS_RESULT = T.Record(
    {"canister_log_records": T.Vec(T.Record({"idx": T.Nat64, "timestamp_nanos": T.Nat64, "content": BLOB}))}
)

SNAPSHOT_SOURCE = T.Variant({"taken_from_canister": T.Reserved, "metadata_upload": T.Reserved})
_CHANGE_ORIGIN = T.Variant(
    {
        "from_user": T.Record({"user_id": T.Principal}),
        "from_canister": T.Record({**CANISTER_ID, "canister_version": T.Opt(T.Nat64)}),
    }
)
_CHANGE_DETAILS = T.Variant(
    {
        "creation": T.Record({"controllers": T.Vec(T.Principal), "environment_variables_hash": T.Opt(BLOB)}),
        "code_uninstall": T.Null,
        "code_deployment": T.Record(
            {"mode": T.Variant({"install": T.Null, "reinstall": T.Null, "upgrade": T.Null}), "module_hash": BLOB}
        ),
        "load_snapshot": T.Record(
            {
                "from_canister_id": T.Opt(T.Principal),
                "snapshot_id": BLOB,
                "canister_version": T.Nat64,
                "taken_at_timestamp": T.Nat64,
                "source": SNAPSHOT_SOURCE,
            }
        ),
        "controllers_change": T.Record({"controllers": T.Vec(T.Principal)}),
    }
)
CANISTER_INFO_ARGUMENT = T.Record({**CANISTER_ID, "num_requested_changes": T.Opt(T.Nat64)})
CANISTER_INFO_RESULT = T.Record(
    {
        "total_num_changes": T.Nat64,
        "recent_changes": T.Vec(
            T.Record(
                {
                    "timestamp_nanos": T.Nat64,
                    "canister_version": T.Nat64,
                    "origin": _CHANGE_ORIGIN,
                    "details": _CHANGE_DETAILS,
                }
            )
        ),
        "module_hash": T.Opt(BLOB),
        "controllers": T.Vec(T.Principal),
    }
)

# Snapshots.
SNAPSHOT_ID = {"snapshot_id": BLOB}
SNAPSHOT = T.Record({"id": BLOB, "taken_at_timestamp": T.Nat64, "total_size": T.Nat64})
SNAPSHOTS = T.Vec(SNAPSHOT)
TAKE_SNAPSHOT_ARGUMENT = T.Record(
    {**CANISTER_ID, "replace_snapshot": T.Opt(BLOB), "uninstall_code": T.Opt(T.Bool), **SENDER_VERSION}
)
LOAD_SNAPSHOT_ARGUMENT = T.Record({**CANISTER_ID, **SNAPSHOT_ID, **SENDER_VERSION})
SNAPSHOT_ARGUMENT = T.Record({**CANISTER_ID, **SNAPSHOT_ID})
GLOBAL = T.Variant({"i32": T.Int32, "i64": T.Int64, "f32": T.Float32, "f64": T.Float64, "v128": T.Nat})
GLOBAL_TIMER = T.Variant({"inactive": T.Null, "active": T.Nat64})
HOOK_STATUS = T.Variant({"condition_not_satisfied": T.Null, "ready": T.Null, "executed": T.Null})
SNAPSHOT_METADATA_RESULT = T.Record(
    {
        "source": T.Opt(SNAPSHOT_SOURCE),
        "taken_at_timestamp": T.Nat64,
        "wasm_module_size": T.Nat64,
        "globals": T.Vec(T.Opt(GLOBAL)),
        "wasm_memory_size": T.Nat64,
        "stable_memory_size": T.Nat64,
        "wasm_chunk_store": T.Vec(CHUNK_HASH),
        "canister_version": T.Nat64,
        "certified_data": BLOB,
        "global_timer": T.Opt(GLOBAL_TIMER),
        "on_low_wasm_memory_hook_status": T.Opt(HOOK_STATUS),
    }
)
_SLICE = T.Record({"offset": T.Nat64, "size": T.Nat64})
READ_SNAPSHOT_DATA_ARGUMENT = T.Record(
    {
        **CANISTER_ID,
        **SNAPSHOT_ID,
        "kind": T.Variant(
            {"wasm_module": _SLICE, "wasm_memory": _SLICE, "stable_memory": _SLICE, "wasm_chunk": CHUNK_HASH}
        ),
    }
)
READ_SNAPSHOT_DATA_RESULT = T.Record({"chunk": BLOB})
UPLOAD_SNAPSHOT_METADATA_ARGUMENT = T.Record(
    {
        **CANISTER_ID,
        "replace_snapshot": T.Opt(BLOB),
        "wasm_module_size": T.Nat64,
        "globals": T.Vec(GLOBAL),
        "wasm_memory_size": T.Nat64,
        "stable_memory_size": T.Nat64,
        "certified_data": BLOB,
        "global_timer": T.Opt(GLOBAL_TIMER),
        "on_low_wasm_memory_hook_status": T.Opt(HOOK_STATUS),
    }
)
_OFFSET = T.Record({"offset": T.Nat64})
UPLOAD_SNAPSHOT_DATA_ARGUMENT = T.Record(
    {
        **CANISTER_ID,
        **SNAPSHOT_ID,
        "kind": T.Variant(
            {"wasm_module": _OFFSET, "wasm_memory": _OFFSET, "stable_memory": _OFFSET, "wasm_chunk": T.Null}
        ),
        "chunk": BLOB,
    }
)
UPLOAD_SNAPSHOT_METADATA_RESULT = T.Record(SNAPSHOT_ID)
