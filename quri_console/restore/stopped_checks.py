"""What can be compared while a canister stands still: its safety snapshot before the load, its new state after it."""

from __future__ import annotations

from collections.abc import Sequence

from quri_console.effects.perform import Effects
from quri_console.effects.replay import CHECK
from quri_console.errors import RefusedBySafetyRule
from quri_console.ic.management.read import read_snapshot_metadata
from quri_console.ic.management.types import MAX_SNAPSHOTS, CanisterStatus, SnapshotMetadata
from quri_console.ic.rejection import Rejected
from quri_console.progress import Progress
from quri_console.restore.drift import Seen
from quri_console.restore.plan import LiveState
from quri_console.restore.read_back import compare_pages
from quri_console.restore.swap_target import NotAsRestored, SwapTarget
from quri_console.restore.upload import differing_state
from quri_console.restore.words import named

CHECKED = "checked"
GLOBALS_NOT_COMPARED = "Globals and certified data were not compared"


class SafetySnapshotContradicts(RefusedBySafetyRule):
    """The safety snapshot does not hold what the canister showed; nothing was replaced."""


def require_whole(target: SwapTarget, safety: SnapshotMetadata, status: CanisterStatus) -> None:
    """Compare a safety snapshot with the stopped canister and with the plan. Raises SafetySnapshotContradicts.

    The status was read between the stop and the snapshot, so both must tell the same; what it does not tell, the
    plan's picture does, since memory never shrinks while the module stays.
    """
    wrong = [*_against_status(safety, status), *_against_plan(safety, status, target.live)]
    wrong += _against_restored(target, safety)
    if not wrong:
        return
    raise SafetySnapshotContradicts(
        f"the safety snapshot of {named(target.name, target.canister)} is not what the canister showed",
        why=f"{'; '.join(wrong)}. The snapshot is kept",
        next_step="Nothing was replaced. Look at the canister; if that is how it should be, make and read a new plan.",
    )


def _against_status(safety: SnapshotMetadata, status: CanisterStatus) -> list[str]:
    metrics = status.memory_metrics
    pairs = (
        ("module", metrics.wasm_binary_size, safety.wasm_module_size),
        ("heap", metrics.wasm_memory_size, safety.wasm_memory_size),
        ("stable memory", metrics.stable_memory_size, safety.stable_memory_size),
    )
    wrong = [
        f"{name}: {found:,} bytes in the snapshot, {shown:,} in the status"
        for name, shown, found in pairs
        if shown is not None and shown != found
    ]
    chunks = metrics.wasm_chunk_store_size
    if chunks is not None and bool(chunks) != bool(safety.wasm_chunk_store):
        wrong.append(
            f"chunk store: {len(safety.wasm_chunk_store)} chunks in the snapshot, {chunks:,} bytes in the status"
        )
    return wrong


def _against_plan(safety: SnapshotMetadata, status: CanisterStatus, live: LiveState) -> list[str]:
    metrics = status.memory_metrics
    pairs = (
        ("heap", metrics.wasm_memory_size, live.heap_bytes, safety.wasm_memory_size),
        ("stable memory", metrics.stable_memory_size, live.stable_bytes, safety.stable_memory_size),
    )
    return [
        f"{name}: {found:,} bytes in the snapshot, {planned:,} when the plan was made"
        for name, shown, planned, found in pairs
        if shown is None and planned is not None and found < planned
    ]


def _against_restored(target: SwapTarget, safety: SnapshotMetadata) -> list[str]:
    """Two copies of the same module have the same globals, whatever their values."""
    if target.live.module_hash is None or target.module_hash != target.live.module_hash:
        return []
    kinds = [
        tuple(None if item is None else item.kind for item in metadata.globals)
        for metadata in (safety, target.metadata)
    ]
    known = None not in kinds[0] and None not in kinds[1]
    same = kinds[0] == kinds[1] if known else len(kinds[0]) == len(kinds[1])
    return [] if same else ["globals: the same module has others in the restore point"]


def require_sizes(target: SwapTarget, status: CanisterStatus) -> None:
    """Compare module and sizes that the status shows with what was loaded. Raises NotAsRestored."""
    metrics = status.memory_metrics
    pairs = (
        ("module", target.module_hash, status.module_hash),
        ("heap size", target.metadata.wasm_memory_size, metrics.wasm_memory_size),
        ("stable memory size", target.metadata.stable_memory_size, metrics.stable_memory_size),
    )
    _require(target, [name for name, wanted, found in pairs if None not in (wanted, found) and wanted != found])


async def look_into(effects: Effects, target: SwapTarget, seen: Seen, progress: Progress) -> tuple[str, ...]:
    """Compare globals, certified data and (where asked for) pages through a fresh snapshot; notes of what was not.

    The snapshot takes the place of the uploaded one, so it needs no slot of its own; beside a snapshot that is to
    stay it needs a free one. The network's refusal to take it is a note: what was loaded is there all the same.
    Raises NotAsRestored, Cancelled, EffectUndecided, NetworkError.
    """
    if not target.uploaded and len(seen.snapshots) >= MAX_SNAPSHOTS:
        return (f"{GLOBALS_NOT_COMPARED}: {target.name} has no free snapshot slot for that.",)
    replace = target.snapshot_id if target.uploaded else None
    try:
        check = await effects.take_snapshot(
            target.canister, replace=replace, purpose=CHECK, before=seen.snapshots, patience_seconds=0.0
        )
    except Rejected as error:
        return (f"{GLOBALS_NOT_COMPARED}: {error}",)
    found = await read_snapshot_metadata(effects.agent, target.canister, check.id)
    _require(target, differing_state(target.metadata, found))
    if target.read_back != "metadata":
        await compare_pages(effects, target, check.id, progress)
    return ()


def _require(target: SwapTarget, wrong: Sequence[str]) -> None:
    if wrong:
        raise NotAsRestored(
            f"{named(target.name, target.canister)} shows another {', '.join(wrong)} than the snapshot that was loaded",
            next_step="Verify the restore point; the network's own words are in the operation's log.",
        )
