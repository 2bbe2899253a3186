"""What a runner does for a rollback."""

from __future__ import annotations

import contextlib

from quri_console.effects.journal import JOURNAL_NAME, read_records
from quri_console.effects.runner import Finished
from quri_console.restore.plan import plan_hash, read_plan
from quri_console.restore.rollback import RollbackPlan, roll_back
from quri_console.service.bench import Bench, admitted_on


async def work_on_rollback(bench: Bench) -> Finished:
    running = bench.running
    plan = read_plan(running.files.directory, RollbackPlan)
    # the ids of snapshots tell the canister, not the network: another one may know the same id
    restore = running.files.directory.parent / plan.operation / JOURNAL_NAME
    effects = bench.effects(
        "rollback",
        canister=plan.name,
        shown=plan_hash(plan),
        root_key_hash=admitted_on(read_records(restore)[0]),
        names={member.canister.to_str(): member.name for member in plan.members},
    )
    with bench.locked(*(member.canister for member in plan.members)):
        async with contextlib.aclosing(effects):
            report = await roll_back(plan, effects, clock=running.clock, progress=running.progress)
    has = "has" if len(plan.members) == 1 else "have"
    names = " and ".join(member.name for member in plan.members)
    return Finished(f"{names} {has} the state before {plan.operation} again", report.result())
