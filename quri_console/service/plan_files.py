"""Plans in files: written to be read by somebody else, and applied only where nothing has moved on since."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.errors import RefusedBySafetyRule, UsageError
from quri_console.service.operations import locks_folder
from quri_console.service.restores import known_canister, operating_agent, repository_or_none
from quri_console.service.session import Session

if TYPE_CHECKING:
    from quri_console.ic.agent import Agent
    from quri_console.restore.group_plan import GroupPlan
    from quri_console.restore.plan import RestorePlan
    from quri_console.restore.wish import RestoreWish

PLAN_SECONDS = 3600.0


def save_plan(plan: RestorePlan | GroupPlan, path: Path, *, valid_seconds: float) -> RestorePlan | GroupPlan:
    """Write a plan with its end into a file; the plan as it stands there. Raises StateFolderUnusable."""
    from quri_console.restore.plan_file import expiring, write_plan_file

    timed = expiring(plan, valid_seconds)
    write_plan_file(path, timed)
    return timed


async def plan_to_apply(session: Session, path: Path) -> RestorePlan | GroupPlan:
    """The plan in a file, when it may be carried out now: a fresh plan finds everything as it was.

    Raises UsageError, PlanNotFeasible; RefusedBySafetyRule for one that was edited, has expired, is of another network,
    means another canister by its name, or one that has moved on, with the difference.
    """
    from quri_console.restore.group_plan import members_of
    from quri_console.restore.plan_file import read_plan_file, require_not_expired

    file = read_plan_file(path)
    require_not_expired(file, session.clock.now_ns())
    async with operating_agent(session) as (agent, _production):
        _require_same_network(session, agent, file.plan)
        _require_same_canisters(session, file.plan)
        for member in members_of(file.plan):
            await _require_unmoved(session, agent, member)
    return file.plan


def _require_same_network(session: Session, agent: Agent, plan: RestorePlan | GroupPlan) -> None:
    import hashlib

    shown = hashlib.sha256(agent.root_key).digest()
    if plan.root_key_hash != shown or plan.network != session.network.name:
        raise RefusedBySafetyRule(
            f"the plan was made for the network {plan.network}, not for this one ({session.network.name})",
            why=f"its root key has SHA-256 {plan.root_key_hash.hex()[:16]}…, this network's {shown.hex()[:16]}…",
            next_step=f"Apply it there (quri-console --network {plan.network} …), or make a new plan here.",
        )


def _require_same_canisters(session: Session, plan: RestorePlan | GroupPlan) -> None:
    """A plan comes from another machine, where a name may stand for another canister; only the name is typed here."""
    from quri_console.restore.group_plan import members_of

    for member in members_of(plan):
        planned = member.canister.to_str()
        try:
            here = known_canister(session, member.name).id
        except UsageError:
            here = "none"
        if here != planned:
            raise RefusedBySafetyRule(
                f"the plan was made for another canister called {member.name}",
                why=f"the plan means {planned}; the configuration here means {here}",
                next_step=f"Make a new plan here, by the id if need be: quri-console restore {planned} --from BACKUP "
                "--dry-run.",
            )


async def _require_unmoved(session: Session, agent: Agent, plan: RestorePlan) -> None:
    from quri_console.progress import NoProgress
    from quri_console.restore.moved_on import require_unmoved
    from quri_console.restore.plan import require_feasible
    from quri_console.restore.planning import plan_restore

    fresh = await plan_restore(
        agent,
        _wish_of(plan),
        repository=repository_or_none(session, required=plan.source.kind == "backup"),
        locks=locks_folder(session.config),
        clock=session.clock,
        progress=NoProgress(),
    )
    require_unmoved(plan, fresh)
    require_feasible(fresh)


def _wish_of(plan: RestorePlan) -> RestoreWish:
    """What was asked for when the plan was made."""
    from quri_console.restore.sources import SNAPSHOT_PREFIX
    from quri_console.restore.wish import RestoreWish

    source = plan.source
    wish = RestoreWish(
        network=plan.network,
        production=plan.production,
        canister=plan.canister,
        name=plan.name,
        source=source.set_path if source.snapshot_id is None else f"{SNAPSHOT_PREFIX}{source.snapshot_id.hex()}",
        stop_timeout_seconds=plan.stop_timeout_seconds,
        health_checks=plan.health_checks,
        with_settings=plan.settings is not None,
        start_after=plan.start_after,
        read_back=plan.read_back,
        from_other_network=plan.from_other_network,
        max_cycles=plan.max_cycles,
        max_downtime_seconds=plan.max_downtime_seconds,
        no_safety_reason=plan.no_safety_reason,
        with_group=True,
    )
    if source.canister is None:
        return wish
    return dataclasses.replace(wish, owner=source.canister, owner_name=source.canister.to_str())
