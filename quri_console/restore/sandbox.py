"""A backup's canister put together on this machine, to be asked queries; nothing of it is sent anywhere.

The heap is read whole, because code reaches it without asking; of stable memory only the pages that a query touches.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import wasmtime

from quri_console.backup.browse import StoredCanister
from quri_console.backup.state import StoredState
from quri_console.errors import CorruptionError, QuriError
from quri_console.ic.encoding.principal import ANONYMOUS
from quri_console.ic.management.types import CanisterStatus, SnapshotMetadata
from quri_console.progress import Progress, ProgressEvent
from quri_console.repository.store import Blob
from quri_console.restore.health import shortened
from quri_console.units import MIB, WASM_PAGE_BYTES, format_bytes
from quri_console.wasm.errors import InvalidModule
from quri_console.wasm.instance import Call, CanisterInstance, Outcome, Trap, TrapKind
from quri_console.wasm.machine import Trapped
from quri_console.wasm.stable_memory import StableMemory
from quri_console.wasm.state import GlobalValue, StreamedState
from quri_console.wasm.system_api import violation

HEAP_SLICE_BYTES = MIB
SPARE_BYTES = 64 * MIB
"""What of this machine's memory is left to others."""
_QUERY, _COMPOSITE = "canister_query ", "canister_composite_query "


class NotRehearsable(QuriError):
    """The copy cannot be tried here; that says nothing about whether it is good."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the canister is told of itself and the world: what it was told when the copy was taken."""

    time: int
    metadata: SnapshotMetadata
    status: CanisterStatus | None
    subnet: bytes | None

    def time_ns(self) -> int:
        return self.time

    def cycles_balance(self) -> int:
        return self._status("its cycles").cycles

    def liquid_cycles(self) -> int:
        status = self._status("its cycles")
        return max(status.cycles - status.freezing_limit_cycles, 0)

    def is_controller(self, principal: bytes) -> bool:
        return any(one.bytes == principal for one in self._status("its controllers").settings.controllers)

    def canister_version(self) -> int:
        return self.metadata.canister_version

    def run_state(self) -> int:
        return 1

    def root_key(self) -> bytes:
        raise _lacking("the network's root key")

    def subnet_id(self) -> bytes:
        if self.subnet is None:
            raise _lacking("its subnet's id")
        return self.subnet

    def wasm_memory_limit(self) -> int:
        return 0  # it concerns no query

    def subnet_node_count(self) -> int:
        raise _lacking("the number of its subnet's nodes")

    def environment_variables(self) -> Sequence[tuple[str, str]]:
        variables = self._status("its settings").settings.environment_variables
        if variables is None:
            raise _lacking("its environment variables")
        return sorted((variable.name, variable.value) for variable in variables)

    def cost_of_call(self, method_bytes: int, payload_bytes: int) -> int:
        raise _lacking("other canisters, or the network's prices")

    def cost_of_canister_creation(self) -> int:
        raise _lacking("other canisters, or the network's prices")

    def _status(self, what: str) -> CanisterStatus:
        if self.status is None:
            raise _lacking(f"{what}, which this backup does not tell")
        return self.status


def _lacking(what: str) -> Trapped:
    return violation(f"the sandbox does not have {what}", lacks=what)


class Sandbox:
    """One canister of a backup as it was, one query at a time. Queries leave no trace."""

    def __init__(self, instance: CanisterInstance, stable: _StablePages) -> None:
        """Use `open`."""
        self._instance = instance
        self._stable = stable

    @classmethod
    def open(
        cls,
        stored: StoredCanister,
        progress: Progress,
        *,
        free_bytes: int | None = None,
        refresh: Callable[[], None] = lambda: None,
    ) -> Sandbox:
        """Read the module and the heap, and put them together; `refresh` is called as often as convenient meanwhile.

        `free_bytes` is how much memory this machine has left, None where that is not known. Raises NotRehearsable,
        CorruptionError, StateMismatch, WrongKey.
        """
        state = stored.require_state()
        metadata = state.metadata
        _require_memory(metadata.wasm_memory_size, free_bytes)
        module = _module(stored, state)
        pages = _StablePages(state.blob("stable_memory"))
        streamed = StreamedState(
            module=module,
            globals=_globals(metadata),
            heap_bytes=metadata.wasm_memory_size,
            heap=_heap(state.blob("wasm_memory"), stored.name, progress, refresh),
            stable=StableMemory.over(pages.read, metadata.stable_memory_size // WASM_PAGE_BYTES),
            certified_data=metadata.certified_data,
        )
        subnet = stored.entry.subnet
        surroundings = Surroundings(
            time=metadata.taken_at_ns,
            metadata=metadata,
            status=stored.status,
            subnet=None if subnet is None else subnet.bytes,
        )
        try:
            instance = CanisterInstance.load(
                streamed, canister_id=stored.canister.bytes, environment=surroundings, interruptible=True
            )
        except InvalidModule as error:
            # its bytes are those that ran on the network, so it is the sandbox that is too small for them
            raise NotRehearsable("the sandbox cannot run its module", why=error.why or error.what) from error
        except (wasmtime.WasmtimeError, MemoryError, OSError) as error:
            raise NotRehearsable("the sandbox could not set up its memories", why=shortened(str(error))) from error
        return cls(instance, pages)

    @property
    def interface(self) -> bytes | None:
        """The Candid interface that the module carries, public or private."""
        section = self._instance.metadata.get("candid:service")
        return None if section is None else section.content

    @property
    def uses_certificate(self) -> bool:
        """Whether its code asks for data certificates, of which there are none here."""
        return self._instance.uses_data_certificate

    @property
    def stable_pages_read(self) -> int:
        """How many pages of stable memory were read from the repository so far."""
        return self._stable.count

    def query(self, method: str, argument: bytes, *, seconds: float, caller: bytes = ANONYMOUS.bytes) -> Outcome:
        """Run a query, at most so long. A trap stands in the outcome. Raises CorruptionError for what is damaged."""
        is_composite = _QUERY + method not in self._instance.exports and _COMPOSITE + method in self._instance.exports
        call = Call(
            "composite_query" if is_composite else "query",
            method,
            argument,
            caller=caller,
            replicated=False,
            time_limit_seconds=seconds,
        )
        self._stable.deadline = time.monotonic() + seconds
        return self._instance.execute(call)


class _StablePages:
    """The pages of a stable memory in the repository; they end the message that reads them for too long."""

    def __init__(self, blob: Blob) -> None:
        self._blob = blob
        self.count = 0
        self.deadline = 0.0

    def read(self, page: int) -> bytes | None:
        if time.monotonic() > self.deadline:
            raise Trapped(Trap(TrapKind.TIME_LIMIT, "it did not end within the time allowed"))
        offset = page * WASM_PAGE_BYTES
        if self._blob.is_zero(offset, WASM_PAGE_BYTES):
            return None
        self.count += 1
        return self._blob.read(offset, WASM_PAGE_BYTES)


def _require_memory(heap_bytes: int, free_bytes: int | None) -> None:
    if free_bytes is not None and heap_bytes + SPARE_BYTES > free_bytes:
        raise NotRehearsable(
            "this machine has too little memory for its heap",
            why=f"it has {format_bytes(heap_bytes)}, and {format_bytes(free_bytes)} are free",
            next_step="Rehearse it on a larger machine that can read the repository.",
        )


def _module(stored: StoredCanister, state: StoredState) -> bytes:
    module = state.blob("wasm_module").read(0, state.metadata.wasm_module_size)
    if stored.module_hash and hashlib.sha256(module).digest() != stored.module_hash:
        raise CorruptionError(
            f"The module in {stored.label} is damaged", why="Its SHA-256 is not the one that the backup names."
        )
    return module


def _globals(metadata: SnapshotMetadata) -> tuple[GlobalValue, ...]:
    values = [GlobalValue.of(value.kind, value.value) for value in metadata.globals if value is not None]
    if len(values) < len(metadata.globals):
        raise NotRehearsable("one of its globals is of a type that the network could not tell")
    return tuple(values)


def _heap(blob: Blob, name: str, progress: Progress, refresh: Callable[[], None]) -> Iterator[tuple[int, bytes]]:
    """The heap in slices, without those that are zero."""
    event = ProgressEvent("load", 0, blob.size, "bytes", subject=name)
    for offset in range(0, blob.size, HEAP_SLICE_BYTES):
        progress.report(replace(event, done=offset))
        refresh()
        if not blob.is_zero(offset, HEAP_SLICE_BYTES):
            yield offset, blob.read(offset, HEAP_SLICE_BYTES)
    progress.report(replace(event, done=blob.size))


def free_memory_bytes(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """How much memory this machine has left for programs; None where it does not say."""
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    found = [line.split() for line in lines if line.startswith("MemAvailable:")]
    return int(found[0][1]) * 1024 if found and found[0][1].isdigit() else None
