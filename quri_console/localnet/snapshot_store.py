"""Snapshots that a canister keeps on chain: taken ones are immutable, uploaded ones are filled in place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from quri_console.wasm.state import GlobalValue

Blob = bytes | bytearray
BlobName = Literal["wasm_module", "wasm_memory", "stable_memory"]
HookStatus = Literal["condition_not_satisfied", "ready", "executed"]


@dataclass(slots=True, eq=False)
class StoredSnapshot:
    """One snapshot; blobs are `bytearray` as long as data may still be uploaded.

    `global_timer_ns` is None where the snapshot does not say, 0 where the timer is inactive.
    """

    id: bytes
    taken_at_ns: int
    canister_version: int
    is_uploaded: bool
    wasm_module: Blob
    wasm_memory: Blob
    stable_memory: Blob
    globals: tuple[GlobalValue, ...]
    certified_data: bytes = b""
    global_timer_ns: int | None = None
    hook_status: HookStatus | None = None
    chunk_store: dict[bytes, bytes] = field(default_factory=dict)

    def blob(self, name: BlobName) -> Blob:
        """The blob of that name."""
        return {"wasm_module": self.wasm_module, "wasm_memory": self.wasm_memory, "stable_memory": self.stable_memory}[
            name
        ]

    @property
    def memory_bytes(self) -> int:
        """Module and memories, without the chunk store."""
        return len(self.wasm_module) + len(self.wasm_memory) + len(self.stable_memory)

    @property
    def total_size_bytes(self) -> int:
        """What storage is paid for: blobs, chunks and metadata."""
        chunks = sum(map(len, self.chunk_store.values()))
        return self.memory_bytes + chunks + len(self.certified_data) + 17 * len(self.globals)
