"""Canisters as records of a saved network; large contents go to blobs and leave their name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from quri_console.localnet.canister import Canister, QueryStatistics, RunState, Use
from quri_console.localnet.canister_history import Change, History
from quri_console.localnet.canister_log import CanisterLog, LogRecord
from quri_console.localnet.execution import CanisterEnvironment
from quri_console.localnet.settings import Settings, Visibility
from quri_console.localnet.snapshot_store import StoredSnapshot
from quri_console.localnet.subnet import Subnet
from quri_console.wasm.instance import CanisterInstance
from quri_console.wasm.state import CanisterState, GlobalValue

PutBlob = Callable[[bytes | bytearray], str]
GetBlob = Callable[[str], bytes]

_PLAIN = (
    "id",
    "created_at_ns",
    "cycles",
    "reserved_cycles",
    "version",
    "module_hash",
    "installed_at_ns",
    "snapshots_made",
)
_VISIBILITIES = ("log_visibility", "snapshot_visibility", "status_visibility")


def record_of(canister: Canister, put: PutBlob) -> dict[str, Any]:
    """Everything about a canister except calls that are still open."""
    return {
        **{name: getattr(canister, name) for name in _PLAIN},
        "settings": asdict(canister.settings),
        "run_state": canister.run_state.value,
        "module": put(canister.module),
        "code": _state_record(canister.instance.capture(), put) if canister.instance else None,
        "chunk_store": [put(chunk) for chunk in canister.chunk_store.values()],
        "snapshots": [_snapshot_record(snapshot, put) for snapshot in canister.snapshots.values()],
        "history": asdict(canister.history),
        "log": {"next_index": canister.log.next_index, "records": [asdict(record) for record in canister.log.records]},
        "consumed": {use.value: amount for use, amount in canister.consumed.items()},
        "queries": asdict(canister.queries),
        "unpaid_fraction": str(canister.unpaid_fraction),
    }


def canister_from(record: Mapping[str, Any], get: GetBlob, subnet: Subnet) -> Canister:
    """The canister of a record, as it was; it is charged from now on."""
    canister = Canister(
        **{name: record[name] for name in _PLAIN},
        charged_until_ns=subnet.clock.now_ns(),
        settings=_settings(record["settings"]),
        run_state=RunState(record["run_state"]),
        module=get(record["module"]),
        chunk_store=_chunks(record["chunk_store"], get),
        snapshots={entry["id"]: _snapshot(entry, get) for entry in record["snapshots"]},
        history=_history(record["history"]),
        log=CanisterLog((LogRecord(**entry) for entry in record["log"]["records"]), record["log"]["next_index"]),
        consumed=Counter({Use(name): amount for name, amount in record["consumed"].items()}),
        queries=QueryStatistics(**record["queries"]),
        unpaid_fraction=Fraction(record["unpaid_fraction"]),
    )
    if record["code"] is not None:
        state = _state(canister.module, record["code"], get)
        environment = CanisterEnvironment(subnet, canister)
        canister.instance = CanisterInstance.restore(state, canister_id=canister.id, environment=environment)
    return canister


def _state_record(state: CanisterState, put: PutBlob) -> dict[str, Any]:
    return {
        "globals": _global_records(state.globals),
        "heap": put(state.heap),
        "stable_memory": put(state.stable_memory),
        "certified_data": state.certified_data,
        "global_timer_ns": state.global_timer_ns,
        "low_memory_hook": state.low_memory_hook,
    }


def _state(module: bytes, record: Mapping[str, Any], get: GetBlob) -> CanisterState:
    return CanisterState(
        module=module,
        globals=_globals(record["globals"]),
        heap=get(record["heap"]),
        stable_memory=get(record["stable_memory"]),
        certified_data=record["certified_data"],
        global_timer_ns=record["global_timer_ns"],
        low_memory_hook=record["low_memory_hook"],
    )


def _snapshot_record(snapshot: StoredSnapshot, put: PutBlob) -> dict[str, Any]:
    return {
        "id": snapshot.id,
        "taken_at_ns": snapshot.taken_at_ns,
        "canister_version": snapshot.canister_version,
        "is_uploaded": snapshot.is_uploaded,
        "wasm_module": put(snapshot.wasm_module),
        "wasm_memory": put(snapshot.wasm_memory),
        "stable_memory": put(snapshot.stable_memory),
        "globals": _global_records(snapshot.globals),
        "certified_data": snapshot.certified_data,
        "global_timer_ns": snapshot.global_timer_ns,
        "hook_status": snapshot.hook_status,
        "chunk_store": [put(chunk) for chunk in snapshot.chunk_store.values()],
    }


def _snapshot(record: Mapping[str, Any], get: GetBlob) -> StoredSnapshot:
    blobs = {name: get(record[name]) for name in ("wasm_module", "wasm_memory", "stable_memory")}
    return StoredSnapshot(
        id=record["id"],
        taken_at_ns=record["taken_at_ns"],
        canister_version=record["canister_version"],
        is_uploaded=record["is_uploaded"],
        # uploads go on where they were, so these stay writable
        **{name: bytearray(blob) if record["is_uploaded"] else blob for name, blob in blobs.items()},
        globals=_globals(record["globals"]),
        certified_data=record["certified_data"],
        global_timer_ns=record["global_timer_ns"],
        hook_status=record["hook_status"],
        chunk_store=_chunks(record["chunk_store"], get),
    )


def _chunks(names: list[str], get: GetBlob) -> dict[bytes, bytes]:
    return {bytes.fromhex(name): get(name) for name in names}


def _global_records(values: tuple[GlobalValue, ...]) -> list[list[Any]]:
    return [[value.kind, value.bits] for value in values]


def _globals(records: list[list[Any]]) -> tuple[GlobalValue, ...]:
    return tuple(GlobalValue(kind, bits) for kind, bits in records)


def _history(record: Mapping[str, Any]) -> History:
    return History([Change(**change) for change in record["changes"]], record["total"])


def _settings(record: Mapping[str, Any]) -> Settings:
    visibilities = {name: Visibility(record[name]["kind"], tuple(record[name]["viewers"])) for name in _VISIBILITIES}
    variables = tuple((name, value) for name, value in record["environment_variables"])
    replaced = {**visibilities, "controllers": tuple(record["controllers"]), "environment_variables": variables}
    return Settings(**{**record, **replaced})
