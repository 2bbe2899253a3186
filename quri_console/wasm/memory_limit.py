"""How much Wasm memory a message may leave behind (spec: wasm_memory_limit)."""

from __future__ import annotations

from quri_console.wasm.messages import Call, Trap, TrapKind

# Queries may grow what is undone anyway; callbacks and pre_upgrade must be able to save what there is.
_LIMITED = frozenset(["init", "post_upgrade", "update", "timer", "heartbeat", "low_memory"])
_WORDS = (
    "Canister exceeded its current Wasm memory limit of {} bytes. The peak Wasm memory usage was {} bytes. "
    "If the canister reaches 4GiB, then it may stop functioning and may become unrecoverable. "
    "Please reach out to the canister owner to investigate the reason for the increased memory usage. "
    "It might be necessary to move data from the Wasm memory to the stable memory. "
    "If such high Wasm memory usage is expected and safe, then the developer can increase the Wasm memory limit "
    "in the canister settings."
)


def excess(call: Call, limit: int, heap_bytes: int) -> Trap | None:
    """Why a message fails that is subject to the limit (0 is none) and has, or is about to get, this much memory."""
    if call.kind not in _LIMITED or not limit or heap_bytes <= limit:
        return None
    return Trap(TrapKind.WASM_MEMORY_LIMIT, _WORDS.format(limit, heap_bytes))
