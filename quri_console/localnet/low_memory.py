"""When Wasm memory runs low, and what a canister's hook for it has done (spec: on low Wasm memory)."""

from __future__ import annotations

from quri_console.localnet.canister import Canister
from quri_console.localnet.settings import Settings
from quri_console.localnet.snapshot_store import HookStatus


def is_condition_satisfied(settings: Settings, wasm_memory_bytes: int) -> bool:
    """Whether less than the threshold is left below the limit (no limit: never)."""
    remaining = settings.wasm_memory_limit - wasm_memory_bytes
    return settings.wasm_memory_limit > 0 and remaining < settings.wasm_memory_threshold


def hook_status(canister: Canister) -> HookStatus:
    """The status the network would record now."""
    code = canister.instance
    if code is None or not is_condition_satisfied(canister.settings, code.heap_bytes):
        return "condition_not_satisfied"
    return "executed" if code.low_memory_hook == "executed" else "ready"
