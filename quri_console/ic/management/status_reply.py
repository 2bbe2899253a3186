"""The answer of `canister_status` as a value, whichever fields the replica's age gives it."""

from __future__ import annotations

from dataclasses import fields as dataclass_fields
from typing import Any

from quri_console.ic.encoding.candid import MalformedCandid
from quri_console.ic.management.types import (
    CanisterSettings,
    CanisterStatus,
    EnvironmentVariable,
    MemoryMetrics,
    QueryStatistics,
    RunState,
    Visibility,
)
from quri_console.ic.reply import Fields, answer, case_of, fields, principal

_RUN_STATES: tuple[RunState, ...] = ("running", "stopping", "stopped")
_METRICS = tuple(field.name for field in dataclass_fields(MemoryMetrics))
_STATISTICS = tuple(field.name for field in dataclass_fields(QueryStatistics))
_NUMERIC_SETTINGS = (
    "reserved_cycles_limit",
    "minimum_incoming_canister_call_cycles",
    "log_memory_limit",
    "wasm_memory_limit",
    "wasm_memory_threshold",
)
_VISIBILITIES = ("log_visibility", "snapshot_visibility", "status_visibility")


def decode_status(reply: bytes) -> CanisterStatus:
    """The status in an answer; raises MalformedCandid when a field that every replica has is missing."""
    record = fields(answer(reply))
    state = record.case_or_none("status", _RUN_STATES)
    if state is None:
        raise MalformedCandid("it holds a run state that this version does not know")
    return CanisterStatus(
        status=state,
        cycles=record.natural("cycles"),
        idle_cycles_burned_per_day=record.natural("idle_cycles_burned_per_day"),
        memory_bytes=record.natural("memory_size"),
        settings=_settings(record.record("settings")),
        module_hash=record.blob_or_none("module_hash"),
        reserved_cycles=record.natural_or_none("reserved_cycles"),
        memory_metrics=_metrics(record),
        query_statistics=_statistics(record),
        version=record.natural_or_none("version"),
        ready_for_migration=record.truth_or_none("ready_for_migration"),
    )


def _metrics(status: Fields) -> MemoryMetrics:
    if not status.has("memory_metrics"):
        return MemoryMetrics()
    metrics = status.record("memory_metrics")
    return MemoryMetrics(**{name: metrics.natural_or_none(name) for name in _METRICS})


def _statistics(status: Fields) -> QueryStatistics | None:
    if not status.has("query_stats"):
        return None
    statistics = status.record("query_stats")
    return QueryStatistics(**{name: statistics.natural(name) for name in _STATISTICS})


def _settings(record: Fields) -> CanisterSettings:
    newer: dict[str, Any] = {name: record.natural_or_none(name) for name in _NUMERIC_SETTINGS}
    newer |= {name: _visibility(record, name) for name in _VISIBILITIES}
    return CanisterSettings(
        controllers=record.list("controllers", principal),
        compute_allocation=record.natural("compute_allocation"),
        memory_allocation=record.natural("memory_allocation"),
        freezing_threshold=record.natural("freezing_threshold"),
        environment_variables=record.list("environment_variables", _variable)
        if record.has("environment_variables")
        else None,
        **newer,
    )


def _visibility(record: Fields, name: str) -> Visibility | None:
    value = record.optional(name)
    if value is None:
        return None
    case, viewers = case_of(value, ("controllers", "public", "allowed_viewers"))
    match case:
        case "controllers" | "public":
            return Visibility(case)
        case "allowed_viewers":
            return Visibility(case, tuple(principal(viewer) for viewer in viewers))
    return None


def _variable(value: Any) -> EnvironmentVariable:
    record = fields(value)
    return EnvironmentVariable(record.text("name"), record.text("value"))
