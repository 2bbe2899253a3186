"""Candid types of the arguments that the management canister takes (`ic.did`, interface specification 0.66).

Answers have no declared types: they are read field by field (`quri_console.ic.reply`), because replicas of
different age answer with different fields and a declared type would refuse one or the other.
"""

from __future__ import annotations

from typing import Any

from quri_console.ic.encoding.candid import Types

T = Types

BLOB = T.Vec(T.Nat8)


def _optional(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: T.Opt(kind) for name, kind in fields.items()}


def _cases(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, T.Null)


_CANISTER = {"canister_id": T.Principal}
_SNAPSHOT = {"snapshot_id": BLOB}
_HASH = T.Record({"hash": BLOB})
_OFFSET = T.Record({"offset": T.Nat64})
_RANGE = T.Record({"offset": T.Nat64, "size": T.Nat64})
_VISIBILITY = T.Variant({**_cases("controllers", "public"), "allowed_viewers": T.Vec(T.Principal)})

SETTINGS = T.Record(
    _optional(
        {
            "controllers": T.Vec(T.Principal),
            "compute_allocation": T.Nat,
            "memory_allocation": T.Nat,
            "freezing_threshold": T.Nat,
            "reserved_cycles_limit": T.Nat,
            "minimum_incoming_canister_call_cycles": T.Nat,
            "log_visibility": _VISIBILITY,
            "log_memory_limit": T.Nat,
            "snapshot_visibility": _VISIBILITY,
            "status_visibility": _VISIBILITY,
            "wasm_memory_limit": T.Nat,
            "wasm_memory_threshold": T.Nat,
            "environment_variables": T.Vec(T.Record({"name": T.Text, "value": T.Text})),
        }
    )
)

_UPGRADE = T.Record(
    {"skip_pre_upgrade": T.Opt(T.Bool), "wasm_memory_persistence": T.Opt(T.Variant(_cases("keep", "replace")))}
)
_INSTALL_MODE = T.Variant({**_cases("install", "reinstall"), "upgrade": T.Opt(_UPGRADE)})

CANISTER = T.Record(_CANISTER)
UPDATE_SETTINGS = T.Record({**_CANISTER, "settings": SETTINGS})
INSTALL_CODE = T.Record({**_CANISTER, "mode": _INSTALL_MODE, "wasm_module": BLOB, "arg": BLOB})
UPLOAD_CHUNK = T.Record({**_CANISTER, "chunk": BLOB})
INSTALL_CHUNKED_CODE = T.Record(
    {
        "mode": _INSTALL_MODE,
        "target_canister": T.Principal,
        "store_canister": T.Opt(T.Principal),
        "chunk_hashes_list": T.Vec(_HASH),
        "wasm_module_hash": BLOB,
        "arg": BLOB,
    }
)
PROVISIONAL_CREATE = T.Record({"amount": T.Opt(T.Nat), "settings": T.Opt(SETTINGS), "specified_id": T.Opt(T.Principal)})
PROVISIONAL_TOP_UP = T.Record({**_CANISTER, "amount": T.Nat})

TAKE_SNAPSHOT = T.Record({**_CANISTER, "replace_snapshot": T.Opt(BLOB)})
SNAPSHOT = T.Record({**_CANISTER, **_SNAPSHOT})
READ_SNAPSHOT_DATA = T.Record(
    {
        **_CANISTER,
        **_SNAPSHOT,
        "kind": T.Variant({"wasm_module": _RANGE, "wasm_memory": _RANGE, "stable_memory": _RANGE, "wasm_chunk": _HASH}),
    }
)
UPLOAD_SNAPSHOT_METADATA = T.Record(
    {
        **_CANISTER,
        "replace_snapshot": T.Opt(BLOB),
        "wasm_module_size": T.Nat64,
        "globals": T.Vec(
            T.Variant({"i32": T.Int32, "i64": T.Int64, "f32": T.Float32, "f64": T.Float64, "v128": T.Nat})
        ),
        "wasm_memory_size": T.Nat64,
        "stable_memory_size": T.Nat64,
        "certified_data": BLOB,
        "global_timer": T.Opt(T.Variant({"inactive": T.Null, "active": T.Nat64})),
        "on_low_wasm_memory_hook_status": T.Opt(T.Variant(_cases("condition_not_satisfied", "ready", "executed"))),
    }
)
UPLOAD_SNAPSHOT_DATA = T.Record(
    {
        **_CANISTER,
        **_SNAPSHOT,
        "kind": T.Variant(
            {"wasm_module": _OFFSET, "wasm_memory": _OFFSET, "stable_memory": _OFFSET, "wasm_chunk": T.Null}
        ),
        "chunk": BLOB,
    }
)

CANISTER_INFO = T.Record({**_CANISTER, "num_requested_changes": T.Opt(T.Nat64)})
_INTERVAL = T.Record({"start": T.Nat64, "end": T.Nat64})
FETCH_LOGS = T.Record({**_CANISTER, "filter": T.Opt(T.Variant({"by_idx": _INTERVAL, "by_timestamp_nanos": _INTERVAL}))})
