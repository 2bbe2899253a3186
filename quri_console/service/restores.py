"""Restores as the operator asks for them: the plan to read, then the operation that carries it out."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.config.model import CanisterConfig
from quri_console.effects.gate import check_wanted
from quri_console.errors import RefusedBySafetyRule, UsageError
from quri_console.service.following import OperationHandle
from quri_console.service.operations import (
    DEFAULT_STOP_TIMEOUT_SECONDS,
    intention,
    locks_folder,
    new_request,
    refusals_audited,
    start_operation,
)
from quri_console.service.session import Session

if TYPE_CHECKING:
    from quri_console.ic.agent import Agent
    from quri_console.repository.store import Repository
    from quri_console.restore.group_plan import GroupPlan
    from quri_console.restore.plan import ReadBack, RestorePlan
    from quri_console.restore.wish import RestoreWish

SHORTEST_REASON = 10
"""Characters of a reason to do without a safety snapshot."""


@dataclass(frozen=True, slots=True)
class RestoreWishes:
    """How far an operator wants a restore to go, besides which canister and where from."""

    to: str | None = None
    """Another canister (name or id) to restore into."""
    stop_timeout_seconds: float = DEFAULT_STOP_TIMEOUT_SECONDS
    with_settings: bool = False
    start: bool = False
    """Start it afterwards even if it did not run before, and a clone."""
    read_back: ReadBack = "metadata"
    from_other_network: bool = False
    max_cycles: int | None = None
    max_downtime_seconds: float | None = None
    no_safety_reason: str = ""
    """Why there shall be no safety snapshot; empty: there is one."""


NO_WISHES = RestoreWishes()
PAUSE = "pause"
"""The parameter that asks for a last question before anything is stopped."""
UNDO_IF_UNHEALTHY = "rollback_if_unhealthy"
"""The parameter that asks for the state before when a health query fails."""


async def plan_restore(
    session: Session, canister: str, source: str = "latest", wishes: RestoreWishes = NO_WISHES
) -> RestorePlan:
    """What restoring would do; has no effects. Raises what `restore.planning.plan_restore` raises, UsageError."""
    from quri_console.progress import NoProgress
    from quri_console.restore.planning import plan_restore as plan
    from quri_console.restore.sources import is_on_chain

    wish = _wish(session, canister, source, wishes)
    async with operating_agent(session) as (agent, production):
        return await plan(
            agent,
            dataclasses.replace(wish, production=production),
            repository=repository_or_none(session, required=not is_on_chain(source)),
            locks=locks_folder(session.config),
            clock=session.clock,
            progress=NoProgress(),
        )


async def plan_group_restore(
    session: Session, group: str, source: str = "latest", wishes: RestoreWishes = NO_WISHES
) -> GroupPlan:
    """What restoring a whole group would do; has no effects. Raises as `group_planning.plan_group`, UsageError."""
    from quri_console.progress import NoProgress
    from quri_console.restore.group_planning import plan_group

    if wishes.to is not None:
        raise UsageError("--to is for one canister, not for a group", next_step="Restore its canisters one by one.")
    names = next((found.canisters for found in session.config.groups if found.name == group), ())
    if not names:
        raise UsageError(f"{session.config.path} has no group {group!r}")
    async with operating_agent(session) as (agent, production):
        asked = (_wish(session, name, source, wishes) for name in names)
        repository = repository_or_none(session, required=True)
        assert repository is not None
        return await plan_group(
            agent,
            group,
            [dataclasses.replace(wish, production=production) for wish in asked],
            repository=repository,
            locks=locks_folder(session.config),
            clock=session.clock,
            progress=NoProgress(),
        )


async def start_restore(
    session: Session,
    plan: RestorePlan | GroupPlan,
    *,
    confirmation: str,
    force: bool = False,
    reason: str | None = None,
    undo_if_unhealthy: bool = False,
    pause: bool = False,
) -> OperationHandle:
    """Carry a plan out in a runner; `undo_if_unhealthy` brings the state before back when a health query fails.

    With `pause` it waits for `proceed` before it stops anything.

    Raises RefusedBySafetyRule, PlanNotFeasible.
    """
    from quri_console.restore.group_plan import members_of
    from quri_console.restore.plan import require_feasible, write_plan
    from quri_console.restore.plan_file import require_in_time

    check_wanted(
        intention(
            session, "restore", production=plan.production, canister=plan.name, confirmation=confirmation, force=force
        )
    )
    with refusals_audited(session, "restore", plan.name):
        require_in_time(plan, session.clock.now_ns())
    members = members_of(plan)
    for member in members:
        require_feasible(member)
    request = new_request(session, "restore", tuple(member.name for member in members), "operate", reason)
    request = dataclasses.replace(
        request,
        confirmation=confirmation,
        force=force,
        plan_hash=plan.hash,
        parameters={UNDO_IF_UNHEALTHY: undo_if_unhealthy, PAUSE: pause},
    )
    return await start_operation(session, request, prepare=lambda files: write_plan(files.directory, plan))


def _wish(session: Session, canister: str, source: str, wishes: RestoreWishes) -> RestoreWish:
    """Raises UsageError, RefusedBySafetyRule."""
    from quri_console.ic.encoding.principal import parse_principal
    from quri_console.restore.wish import RestoreWish

    _require_reason(wishes.no_safety_reason)
    from quri_console.service.readiness import safety_snapshots

    owner, target = known_canister(session, canister), known_canister(session, wishes.to or canister)
    most = wishes.max_downtime_seconds
    passed_over: frozenset[bytes] = frozenset()
    if source.lower() == "snapshot:latest":
        passed_over = frozenset(safety_snapshots(session, of_backups=False))
    return RestoreWish(
        network=session.network.name,
        production=session.network.production,
        canister=parse_principal(target.id),
        name=target.name,
        source=source,
        stop_timeout_seconds=round(wishes.stop_timeout_seconds),
        health_checks=target.health_checks,
        owner=None if owner.id == target.id else parse_principal(owner.id),
        owner_name="" if owner.id == target.id else owner.name,
        with_settings=wishes.with_settings,
        start_after=True if wishes.start else None,
        read_back=wishes.read_back,
        from_other_network=wishes.from_other_network,
        max_cycles=wishes.max_cycles,
        max_downtime_seconds=None if most is None else round(most),
        no_safety_reason=wishes.no_safety_reason,
        passed_over=passed_over,
    )


def _require_reason(reason: str) -> None:
    if reason and len(reason.strip()) < SHORTEST_REASON:
        raise RefusedBySafetyRule(
            "a restore without a safety snapshot needs a reason that others understand",
            why=f"{reason.strip()!r} is shorter than {SHORTEST_REASON} characters",
            next_step="Write why in --reason; it is kept with the operation.",
        )


def known_canister(session: Session, wanted: str) -> CanisterConfig:
    """A canister of the fleet, or any other by its id, which is its name then. Raises UsageError."""
    from quri_console.ic.encoding.principal import InvalidPrincipal, parse_principal

    try:
        return session.config.canister(wanted)
    except UsageError:
        try:
            identifier = parse_principal(wanted).to_str()
        except InvalidPrincipal:
            identifier = ""
        if not identifier:
            raise
    return CanisterConfig(name=identifier, id=identifier)


@asynccontextmanager
async def operating_agent(session: Session) -> AsyncIterator[tuple[Agent, bool]]:
    """The agent that operates, and whether the network is production by what it shows."""
    from quri_console.service.connect import as_shown, connect

    identity = session.config.require_identity("operate")
    async with await connect(session.network, identity, session.clock, passphrase=session.passphrase) as agent:
        yield agent, as_shown(session.network, agent.root_key).production


def repository_or_none(session: Session, *, required: bool) -> Repository | None:
    """The configured one; None where there is none and none is needed. Raises RepositoryMissing."""
    from quri_console.repository.errors import RepositoryMissing
    from quri_console.service.repositories import open_repository

    try:
        return open_repository(session.config, session.clock, ask_passphrase=session.repository_passphrase)
    except RepositoryMissing:
        if required:
            raise
    return None
