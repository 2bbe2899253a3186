"""What the management canister says and takes, as frozen values.

Interface specification, "The IC management canister". Field names are those of `ic.did`. A field that is
`None` was not in the answer: older replicas lack the newer ones, and a missing number is not zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from quri_console.ic.encoding.principal import Principal

RunState = Literal["running", "stopping", "stopped"]
SnapshotBlob = Literal["wasm_module", "wasm_memory", "stable_memory"]
SnapshotSource = Literal["taken_from_canister", "metadata_upload"]
HookStatus = Literal["condition_not_satisfied", "ready", "executed"]
GlobalKind = Literal["i32", "i64", "f32", "f64", "v128"]
InstallMode = Literal["install", "reinstall", "upgrade"]

SECONDS_PER_DAY = 86_400
MAX_SNAPSHOTS = 10
"""Snapshots that one canister may have."""
MAX_SLICE_BYTES = 2_000_000
"""The most that one read of snapshot data answers, and what one upload carries."""
MAX_CHUNK_BYTES = 1 << 20
"""The most that one chunk of the chunk store holds."""


@dataclass(frozen=True, slots=True)
class Visibility:
    """Who may see something; `viewers` only with `allowed_viewers` (at most 10). Controllers always may."""

    kind: Literal["controllers", "public", "allowed_viewers"]
    viewers: tuple[Principal, ...] = ()


@dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """One of at most 20 variables that the canister can read; each part at most 128 bytes."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class CanisterSettings:
    """The settings in force (`definite_canister_settings`).

    Units: `compute_allocation` percent; `memory_allocation`, `log_memory_limit`, `wasm_memory_limit` and
    `wasm_memory_threshold` bytes (0 allocation: none reserved); `freezing_threshold` seconds;
    `reserved_cycles_limit` and `minimum_incoming_canister_call_cycles` cycles.
    """

    controllers: tuple[Principal, ...]
    compute_allocation: int
    memory_allocation: int
    freezing_threshold: int
    reserved_cycles_limit: int | None = None
    minimum_incoming_canister_call_cycles: int | None = None
    log_visibility: Visibility | None = None
    log_memory_limit: int | None = None
    snapshot_visibility: Visibility | None = None
    status_visibility: Visibility | None = None
    wasm_memory_limit: int | None = None
    wasm_memory_threshold: int | None = None
    environment_variables: tuple[EnvironmentVariable, ...] | None = None


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """The settings to change, in the units of `CanisterSettings`; `None` leaves one as it is."""

    controllers: tuple[Principal, ...] | None = None
    compute_allocation: int | None = None
    memory_allocation: int | None = None
    freezing_threshold: int | None = None
    reserved_cycles_limit: int | None = None
    minimum_incoming_canister_call_cycles: int | None = None
    log_visibility: Visibility | None = None
    log_memory_limit: int | None = None
    snapshot_visibility: Visibility | None = None
    status_visibility: Visibility | None = None
    wasm_memory_limit: int | None = None
    wasm_memory_threshold: int | None = None
    environment_variables: tuple[EnvironmentVariable, ...] | None = None


@dataclass(frozen=True, slots=True)
class MemoryMetrics:
    """What makes up `memory_bytes`; all in bytes."""

    wasm_memory_size: int | None = None
    stable_memory_size: int | None = None
    global_memory_size: int | None = None
    wasm_binary_size: int | None = None
    custom_sections_size: int | None = None
    canister_history_size: int | None = None
    wasm_chunk_store_size: int | None = None
    snapshots_size: int | None = None
    log_memory_store_size: int | None = None


@dataclass(frozen=True, slots=True)
class QueryStatistics:
    """Queries counted since the canister was made; they arrive late and only in whole epochs."""

    num_calls_total: int
    num_instructions_total: int
    request_payload_bytes_total: int
    response_payload_bytes_total: int


@dataclass(frozen=True, slots=True)
class CanisterStatus:
    """The answer of `canister_status`. Memory in bytes, cycles in cycles."""

    status: RunState
    cycles: int
    idle_cycles_burned_per_day: int
    memory_bytes: int
    settings: CanisterSettings
    module_hash: bytes | None
    """SHA-256 of the installed module (as installed, so of the gzip file if it was one); None: no code."""
    reserved_cycles: int | None = None
    memory_metrics: MemoryMetrics = MemoryMetrics()
    query_statistics: QueryStatistics | None = None
    version: int | None = None
    ready_for_migration: bool | None = None

    @property
    def freezing_limit_cycles(self) -> int:
        """Balance below which the canister freezes.

        A day's idle burn times the threshold in days, less what is reserved already (specification,
        "Freezing threshold"; the reserved balance pays first).
        """
        whole = self.idle_cycles_burned_per_day * self.settings.freezing_threshold // SECONDS_PER_DAY
        return max(0, whole - (self.reserved_cycles or 0))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An on-chain copy of a canister's state. `taken_at_ns`: nanoseconds since 1970."""

    id: bytes
    taken_at_ns: int
    total_size_bytes: int


@dataclass(frozen=True, slots=True)
class Global:
    """A Wasm global: integers signed, v128 as an unsigned number of 128 bits."""

    kind: GlobalKind
    value: int | float


@dataclass(frozen=True, slots=True)
class SnapshotMetadata:
    """Everything of a snapshot but its bytes; sizes in bytes, times in nanoseconds since 1970.

    `globals` are those that the module exports or may change, in module order; `None` stands for one of a
    type this network cannot tell. `wasm_chunk_store` holds the SHA-256 of each chunk.
    """

    source: SnapshotSource | None
    taken_at_ns: int
    wasm_module_size: int
    globals: tuple[Global | None, ...]
    wasm_memory_size: int
    stable_memory_size: int
    wasm_chunk_store: tuple[bytes, ...]
    canister_version: int
    certified_data: bytes
    global_timer: Literal["inactive"] | int | None = None
    on_low_wasm_memory_hook_status: HookStatus | None = None


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One line of a canister's log; its content is whatever the canister wrote."""

    index: int
    timestamp_ns: int
    content: bytes


@dataclass(frozen=True, slots=True)
class CyclesConsumed:
    """The answer of `canister_metrics`: cycles burnt since the canister was made, by cause."""

    memory: int | None = None
    compute_allocation: int | None = None
    ingress_induction: int | None = None
    instructions: int | None = None
    request_and_response_transmission: int | None = None
    uninstall: int | None = None
    canister_creation: int | None = None
    http_outcalls: int | None = None
    burned_cycles: int | None = None
