"""Whether a recorded status of the low-memory hook can come back."""

from __future__ import annotations

from quri_console.ic.management.types import CanisterSettings, SnapshotMetadata


def hook_status_holds(metadata: SnapshotMetadata, settings: CanisterSettings) -> bool:
    """Whether the network will take the recorded low-memory hook status with the present settings.

    It refuses (IC0408) to load one that contradicts the condition "free Wasm memory is below the threshold".
    """
    recorded = metadata.on_low_wasm_memory_hook_status
    if recorded is None or settings.wasm_memory_limit is None or settings.wasm_memory_threshold is None:
        return True
    limit = settings.wasm_memory_limit or (1 << 32)
    low = limit - min(limit, metadata.wasm_memory_size) < settings.wasm_memory_threshold
    return (recorded != "condition_not_satisfied") == low
