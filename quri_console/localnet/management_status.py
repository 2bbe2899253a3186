"""canister_status and the other readers of a canister: metrics, info, logs."""

from __future__ import annotations

from typing import Any

from quri_console.localnet import management_types as types
from quri_console.localnet.canister import Canister, MemoryMetrics, Use
from quri_console.localnet.canister_log import LogRecord
from quri_console.localnet.management import Invocation, reply
from quri_console.localnet.messages import Reply
from quri_console.localnet.settings import as_candid
from quri_console.localnet.subnet import Subnet


def status_record(subnet: Subnet, canister: Canister) -> dict[str, Any]:
    """Every field of `canister_status`; clients refuse the answer when one is missing."""
    memory = canister.memory
    queries = canister.queries
    return {
        "status": {canister.run_state.value: None},
        "ready_for_migration": canister.run_state.value == "stopped" and not canister.inbox,
        "version": canister.version,
        "settings": as_candid(canister.settings),
        "module_hash": [canister.module_hash] if canister.module_hash is not None else [],
        "memory_size": memory.total,
        "memory_metrics": {name: getattr(memory, name) for name in MemoryMetrics.__slots__},
        "cycles": canister.cycles,
        "reserved_cycles": canister.reserved_cycles,
        "idle_cycles_burned_per_day": subnet.accounts.idle_per_day(canister),
        "query_stats": {
            "num_calls_total": queries.calls,
            "num_instructions_total": queries.instructions,
            "request_payload_bytes_total": queries.request_bytes,
            "response_payload_bytes_total": queries.response_bytes,
        },
    }


async def canister_status(call: Invocation) -> Reply:
    """canister_status, as an update or a query."""
    return reply(types.CANISTER_STATUS_RESULT, status_record(call.subnet, call.canister))


async def canister_metrics(call: Invocation) -> Reply:
    """canister_metrics: cycles consumed by purpose."""
    consumed = {use.value: call.canister.consumed[use] for use in Use}
    return reply(types.CANISTER_METRICS_RESULT, {"cycles_consumed": consumed})


async def canister_info(call: Invocation) -> Reply:
    """canister_info: history, module hash and controllers, for canisters."""
    canister = call.canister
    wanted = call.record["num_requested_changes"]
    count = min(wanted[0] if wanted else 0, len(canister.history.changes))
    recent = canister.history.changes[len(canister.history.changes) - count :]
    return reply(
        types.CANISTER_INFO_RESULT,
        {
            "total_num_changes": canister.history.total,
            "recent_changes": [
                {
                    "timestamp_nanos": change.timestamp_ns,
                    "canister_version": change.canister_version,
                    "origin": change.origin,
                    "details": change.details,
                }
                for change in recent
            ],
            "module_hash": [canister.module_hash] if canister.module_hash is not None else [],
            "controllers": list(canister.settings.controllers),
        },
    )


async def fetch_canister_logs(call: Invocation) -> Reply:
    """fetch_canister_logs: what the canister printed, oldest first, optionally a half-open range of it."""
    chosen = call.record.get("filter") or []
    records = [record for record in call.canister.log.records if not chosen or _is_chosen(record, chosen[0])]
    return reply(
        types.FETCH_LOGS_RESULT,
        {
            "canister_log_records": [
                {"idx": record.index, "timestamp_nanos": record.timestamp_ns, "content": record.content}
                for record in records
            ]
        },
    )


def _is_chosen(record: LogRecord, chosen: dict[str, Any]) -> bool:
    kind, span = next(iter(chosen.items()))
    value = record.index if kind == "by_idx" else record.timestamp_ns
    return bool(span["start"] <= value < span["end"])
