"""What a runner does to delete snapshots from the network."""

from __future__ import annotations

import contextlib

from quri_console.effects.runner import Finished
from quri_console.restore.plan import plan_hash, read_plan
from quri_console.restore.snapshot_deletion import DeletionPlan, delete_snapshots
from quri_console.service.bench import Bench


async def work_on_deletion(bench: Bench) -> Finished:
    """Delete what the plan names. Raises as `delete_snapshots` does, LockedError."""
    plan = read_plan(bench.running.files.directory, DeletionPlan)
    effects = bench.effects(
        "delete-snapshot", canister=plan.name, shown=plan_hash(plan), root_key_hash=plan.root_key_hash
    )
    with bench.locked(*{item.canister for item in plan.snapshots}):
        async with contextlib.aclosing(effects):
            result = await delete_snapshots(plan, effects, progress=bench.running.progress)
    count = len(plan.snapshots)
    return Finished(f"{count} snapshot{'' if count == 1 else 's'} of {plan.name} deleted", result)
