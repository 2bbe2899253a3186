"""Taking, loading, listing and deleting canister snapshots (facts: snapshot methods)."""

from __future__ import annotations

import hashlib
from typing import Any

from quri_console.localnet import management_types as types
from quri_console.localnet import words
from quri_console.localnet.canister import Canister, Use
from quri_console.localnet.charges import SNAPSHOT_BASE_INSTRUCTIONS
from quri_console.localnet.execution import CanisterEnvironment
from quri_console.localnet.low_memory import hook_status, is_condition_satisfied
from quri_console.localnet.management import EMPTY_REPLY, Invocation, reply
from quri_console.localnet.messages import Reply
from quri_console.localnet.snapshot_store import HookStatus, StoredSnapshot
from quri_console.wasm.errors import InvalidModule, StateMismatch
from quri_console.wasm.instance import CanisterInstance
from quri_console.wasm.state import CanisterState

MAX_SNAPSHOTS = 10


def find_snapshot(canister: Canister, snapshot_id: bytes) -> StoredSnapshot:
    """The canister's own snapshot; raises IC0305, or IC0406 where the id names another canister."""
    snapshot = canister.snapshots.get(snapshot_id)
    if snapshot is not None:
        return snapshot
    if len(snapshot_id) > 8 and snapshot_id[8:] != canister.id:
        raise words.snapshot_of_another(canister.id, snapshot_id)
    raise words.snapshot_not_found(canister.id, snapshot_id)


def replaced_snapshot(call: Invocation, canister: Canister) -> StoredSnapshot | None:
    """The snapshot that a new one replaces; raises IC0406 when there is none and no room for another."""
    wanted = call.record["replace_snapshot"]
    if wanted:
        return find_snapshot(canister, wanted[0])
    if len(canister.snapshots) >= MAX_SNAPSHOTS:
        raise words.snapshot_limit(canister.id, MAX_SNAPSHOTS)
    return None


def charge_snapshot(call: Invocation, canister: Canister, size_bytes: int, replaced: StoredSnapshot | None) -> None:
    """Take the cost of a new snapshot; raises IC0207 where holding it would freeze the canister."""
    accounts = call.subnet.accounts
    cost = call.subnet.prices.instructions(SNAPSHOT_BASE_INSTRUCTIONS + size_bytes)
    growth = size_bytes - (replaced.total_size_bytes if replaced else 0)
    missing = cost + accounts.effective_limit(canister, growth) - canister.cycles
    if missing > 0:
        raise words.out_of_cycles(canister.id, missing, "Canister snapshotting")
    accounts.consume(canister, cost, Use.INSTRUCTIONS)


def as_candid(snapshot: StoredSnapshot) -> dict[str, Any]:
    """The `snapshot` record."""
    return {
        "id": snapshot.id,
        "taken_at_timestamp": snapshot.taken_at_ns,
        "total_size": snapshot.total_size_bytes,
    }


async def take_snapshot(call: Invocation) -> Reply:
    """take_canister_snapshot: a copy of code and state, paid by size; the canister need not be stopped."""
    async with call.locked() as canister:
        code = canister.instance
        if code is None:
            raise words.snapshot_of_empty_canister(canister.id)
        replaced = replaced_snapshot(call, canister)
        charge_snapshot(call, canister, len(canister.module) + code.heap_bytes + code.stable_bytes, replaced)
        state = await call.subnet.run(canister, code.capture)
        snapshot = StoredSnapshot(
            id=canister.next_snapshot_id(),
            taken_at_ns=call.subnet.clock.now_ns(),
            canister_version=canister.version,
            is_uploaded=False,
            wasm_module=canister.module,
            wasm_memory=state.heap,
            stable_memory=state.stable_memory,
            globals=state.globals,
            certified_data=state.certified_data,
            global_timer_ns=state.global_timer_ns,
            hook_status=hook_status(canister),
            chunk_store=dict(canister.chunk_store),
        )
        _add(canister, snapshot, replaced)
        if call.record["uninstall_code"] == [True]:
            call.subnet.uninstall(canister, call.origin)
            call.executor.timers.disarm(canister)
    return reply(types.SNAPSHOT, as_candid(snapshot))


def _add(canister: Canister, snapshot: StoredSnapshot, replaced: StoredSnapshot | None) -> None:
    if replaced is not None:
        canister.snapshots.pop(replaced.id, None)
    canister.snapshots[snapshot.id] = snapshot


async def load_snapshot(call: Invocation) -> Reply:
    """load_canister_snapshot: code, memories and chunk store become those of the snapshot."""
    async with call.locked() as canister:
        snapshot = _loadable(call, canister)
        _check_hook(canister, snapshot)
        charge_load(call, canister, snapshot)
        state = CanisterState(
            module=bytes(snapshot.wasm_module),
            globals=snapshot.globals,
            heap=bytes(snapshot.wasm_memory),
            stable_memory=bytes(snapshot.stable_memory),
            certified_data=snapshot.certified_data,
            global_timer_ns=_timer_after_load(canister, snapshot),
            low_memory_hook=snapshot.hook_status if snapshot.is_uploaded else hook_status(canister),
        )
        code = await call.subnet.run(canister, lambda: _restored(call, canister, state), is_long=True)
        canister.install(code, state.module, hashlib.sha256(state.module).digest(), call.subnet.clock.now_ns())
        canister.chunk_store = dict(snapshot.chunk_store)
        canister.version += 1
        call.subnet.state_version += 1
        canister.record_change(call.subnet.clock.now_ns(), call.origin, {"load_snapshot": _details(canister, snapshot)})
    call.executor.timers.arm(canister)
    return EMPTY_REPLY


def _loadable(call: Invocation, canister: Canister) -> StoredSnapshot:
    snapshot_id: bytes = call.record["snapshot_id"]
    owner = call.subnet.canisters.get(snapshot_id[8:])
    if owner is None or owner is canister:
        return find_snapshot(canister, snapshot_id)
    if call.sender not in owner.settings.controllers:
        raise words.snapshot_not_yours(canister.id, snapshot_id, call.sender)
    return find_snapshot(owner, snapshot_id)


def _check_hook(canister: Canister, snapshot: StoredSnapshot) -> None:
    """An uploaded hook status must agree with the condition as it will be."""
    status: HookStatus | None = snapshot.hook_status
    if not snapshot.is_uploaded or status is None:
        return
    is_low = is_condition_satisfied(canister.settings, len(snapshot.wasm_memory))
    if is_low == (status == "condition_not_satisfied"):
        raise words.snapshot_inconsistent(
            f"Hook status ({status}) of uploaded snapshot is invalid given the current state of the canister."
        )


def charge_load(call: Invocation, canister: Canister, snapshot: StoredSnapshot) -> None:
    """Take the cost of a load; raises IC0207 where the loaded memory would freeze the canister."""
    code = canister.instance
    held = len(canister.module) + (code.heap_bytes + code.stable_bytes if code else 0)
    cost = call.subnet.prices.instructions(SNAPSHOT_BASE_INSTRUCTIONS + snapshot.memory_bytes)
    growth = max(0, snapshot.memory_bytes - held)
    missing = cost + call.subnet.accounts.effective_limit(canister, growth) - canister.cycles
    if missing > 0:
        raise words.out_of_cycles(canister.id, missing, "Canister snapshotting")
    call.subnet.accounts.consume(canister, cost, Use.INSTRUCTIONS)


def _timer_after_load(canister: Canister, snapshot: StoredSnapshot) -> int:
    if snapshot.is_uploaded and snapshot.global_timer_ns is not None:
        return snapshot.global_timer_ns
    return canister.instance.global_timer_ns if canister.instance else 0


def _restored(call: Invocation, canister: Canister, state: CanisterState) -> CanisterInstance:
    environment = CanisterEnvironment(call.subnet, canister)
    try:
        return CanisterInstance.restore(state, canister_id=canister.id, environment=environment)
    except InvalidModule as error:
        raise words.invalid_module(canister.id, error) from error
    except StateMismatch as error:
        raise words.snapshot_inconsistent(str(error)) from error


def _details(canister: Canister, snapshot: StoredSnapshot) -> dict[str, Any]:
    owner = snapshot.id[8:]
    return {
        "from_canister_id": [] if owner == canister.id else [owner],
        "snapshot_id": snapshot.id,
        "canister_version": snapshot.canister_version,
        "taken_at_timestamp": snapshot.taken_at_ns,
        "source": {"metadata_upload" if snapshot.is_uploaded else "taken_from_canister": None},
    }


async def list_snapshots(call: Invocation) -> Reply:
    """list_canister_snapshots, oldest first."""
    return reply(types.SNAPSHOTS, [as_candid(snapshot) for snapshot in call.canister.snapshots.values()])


async def delete_snapshot(call: Invocation) -> Reply:
    """delete_canister_snapshot."""
    canister = call.canister
    snapshot = find_snapshot(canister, call.record["snapshot_id"])
    del canister.snapshots[snapshot.id]
    return EMPTY_REPLY
