"""What a runner does for the smaller remedies."""

from __future__ import annotations

import contextlib

from quri_console.effects.runner import Finished
from quri_console.errors import RefusedBySafetyRule
from quri_console.repository.locks import acquire
from quri_console.restore.plan import read_plan
from quri_console.restore.remedy_execute import RemedyWork
from quri_console.restore.remedy_plan import RemedyPlan
from quri_console.restore.remedy_source import read_module, recorded_in
from quri_console.service.bench import Bench


async def work_on_remedy(bench: Bench) -> Finished:
    """Carry out the plan in the operation's folder. Raises what `RemedyWork.run` raises."""
    running = bench.running
    plan = read_plan(running.files.directory, RemedyPlan)
    effects = bench.effects(plan.kind, canister=plan.name, shown=plan.hash, root_key_hash=plan.root_key_hash)
    with bench.locked(plan.canister):
        async with contextlib.aclosing(effects):
            work = RemedyWork(plan, effects, running.progress, lambda: _module(bench, plan))
            report = await work.run()
    return Finished(report.what, report.result())


def _module(bench: Bench, plan: RemedyPlan) -> bytes:
    """The planned module out of the repository; held against prune while it is read."""
    assert plan.source is not None
    repository = bench.repository()
    with acquire(
        repository.backend, "shared", f"module {bench.running.request.id}", bench.running.clock, optional=True
    ):
        recorded = recorded_in(repository, plan.source.set_path, plan.canister)
        if recorded.source.manifest_sha256 != plan.source.manifest_sha256:
            raise RefusedBySafetyRule(
                f"backup {plan.source.label} is not the one that was planned",
                why="its manifest has changed since",
                next_step="Make and read a new plan.",
            )
        return read_module(recorded.stored)
