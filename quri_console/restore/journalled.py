"""What the journal tells of an exchange: which state each canister has, where its way back is, who waits stopped."""

from __future__ import annotations

from collections.abc import Iterable

from quri_console.effects.calls import LOAD_SNAPSHOT
from quri_console.effects.perform import Effects
from quri_console.effects.replay import DONE, attempts, left_stopped, safety_snapshots
from quri_console.restore.at_once import each_to_its_end
from quri_console.restore.swap_target import NEW_STATE, OLD_STATE, UNKNOWN_STATE, Exchanged


def state_of(effects: Effects, target: Exchanged) -> str:
    """Which state the canister has."""
    loads = attempts(effects.journal.records, LOAD_SNAPSHOT, canister=target.canister.to_str())
    settled = [load for load in loads if load.may_have_happened]
    if not settled or settled[-1].snapshot_id != target.snapshot_id:
        return OLD_STATE
    return NEW_STATE if settled[-1].outcome == DONE else UNKNOWN_STATE


def is_loaded(effects: Effects, target: Exchanged) -> bool:
    """Whether the canister surely has the restored state."""
    return state_of(effects, target) == NEW_STATE


def newest_safety_of(effects: Effects, target: Exchanged) -> bytes | None:
    """The newest safety snapshot of a canister that is there."""
    made = safety_snapshots(effects.journal.records, canister=target.canister.to_str())
    return made[-1] if made else None


def oldest_safety_of(effects: Effects, target: Exchanged) -> bytes | None:
    """The safety snapshot that has the state before this operation."""
    made = safety_snapshots(effects.journal.records, canister=target.canister.to_str())
    return made[0] if made else None


def is_held(effects: Effects, target: Exchanged) -> bool:
    """Whether this operation stopped the canister and has not started it since."""
    return target.canister.to_str() in left_stopped(effects.journal.records)


async def bring_back(effects: Effects, targets: Iterable[Exchanged]) -> None:
    """Give each canister that is held the status that it had before. Raises as starting does, after all were tried."""
    held = [target.canister for target in targets if is_held(effects, target)]
    await each_to_its_end([effects.bring_back(canister) for canister in held])
