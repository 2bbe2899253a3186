"""One canister: its code, state, settings, balance and what it keeps on chain."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from quri_console.localnet.canister_history import Change, History
from quri_console.localnet.canister_log import CanisterLog
from quri_console.localnet.settings import Settings

if TYPE_CHECKING:
    from quri_console.localnet.call_contexts import CallContext, Message
    from quri_console.localnet.snapshot_store import StoredSnapshot
    from quri_console.wasm.instance import CanisterInstance


class RunState(StrEnum):
    """Whether a canister takes calls."""

    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Use(StrEnum):
    """What cycles were consumed for; the names of `canister_metrics`."""

    MEMORY = "memory"
    COMPUTE_ALLOCATION = "compute_allocation"
    INGRESS_INDUCTION = "ingress_induction"
    INSTRUCTIONS = "instructions"
    TRANSMISSION = "request_and_response_transmission"
    UNINSTALL = "uninstall"
    CREATION = "canister_creation"
    HTTP_OUTCALLS = "http_outcalls"
    BURNED = "burned_cycles"


@dataclass(slots=True)
class QueryStatistics:
    """Totals over all queries since creation."""

    calls: int = 0
    instructions: int = 0
    request_bytes: int = 0
    response_bytes: int = 0


@dataclass(frozen=True, slots=True)
class MemoryMetrics:
    """Bytes by what holds them, under the names of `canister_status`."""

    wasm_memory_size: int = 0
    stable_memory_size: int = 0
    global_memory_size: int = 0
    wasm_binary_size: int = 0
    custom_sections_size: int = 0
    canister_history_size: int = 0
    wasm_chunk_store_size: int = 0
    snapshots_size: int = 0
    log_memory_store_size: int = 0

    @property
    def total(self) -> int:
        return sum(getattr(self, name) for name in self.__slots__)


@dataclass(slots=True, eq=False)
class Canister:
    """All that the network knows of one canister; changed only while `lock` is held or from the loop's own thread."""

    id: bytes
    created_at_ns: int
    charged_until_ns: int
    settings: Settings = field(default_factory=Settings)
    cycles: int = 0
    reserved_cycles: int = 0
    run_state: RunState = RunState.RUNNING
    version: int = 0
    module: bytes = b""
    module_hash: bytes | None = None
    instance: CanisterInstance | None = None
    installed_at_ns: int | None = None
    chunk_store: dict[bytes, bytes] = field(default_factory=dict)
    snapshots: dict[bytes, StoredSnapshot] = field(default_factory=dict)
    snapshots_made: int = 0
    history: History = field(default_factory=History)
    log: CanisterLog = field(default_factory=CanisterLog)
    consumed: Counter[Use] = field(default_factory=Counter)
    queries: QueryStatistics = field(default_factory=QueryStatistics)
    unpaid_fraction: Fraction = Fraction(0)
    message_time_ns: int = 0
    slow_methods: set[str] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    inbox: deque[Message] = field(default_factory=deque)
    contexts: dict[int, CallContext] = field(default_factory=dict)
    stop_waiters: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def memory(self) -> MemoryMetrics:
        """What the canister holds now."""
        code = self.instance
        return MemoryMetrics(
            wasm_memory_size=code.heap_bytes if code else 0,
            stable_memory_size=code.stable_bytes if code else 0,
            global_memory_size=code.global_bytes if code else 0,
            wasm_binary_size=len(self.module),
            custom_sections_size=code.custom_section_bytes if code else 0,
            canister_history_size=self.history.size_bytes,
            wasm_chunk_store_size=sum(map(len, self.chunk_store.values())),
            snapshots_size=sum(snapshot.total_size_bytes for snapshot in self.snapshots.values()),
            log_memory_store_size=self.log.size_bytes,
        )

    @property
    def charged_bytes(self) -> int:
        """Bytes that storage is paid for."""
        return max(self.settings.memory_allocation, self.memory.total)

    def install(self, code: CanisterInstance, module: bytes, module_hash: bytes, now_ns: int) -> None:
        """Make `code` what the canister runs."""
        self.instance = code
        self.module, self.module_hash = module, module_hash
        self.installed_at_ns = now_ns

    def record_change(self, timestamp_ns: int, origin: dict[str, Any], details: dict[str, Any]) -> None:
        """Add to the history under the present version."""
        self.history.record(Change(timestamp_ns, self.version, origin, details))

    def next_snapshot_id(self) -> bytes:
        """A fresh snapshot id: eight bytes of local counter, then the canister's id."""
        identifier = self.snapshots_made.to_bytes(8, "big") + self.id
        self.snapshots_made += 1
        return identifier
