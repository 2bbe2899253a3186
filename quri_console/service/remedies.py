"""The smaller remedies as the operator asks for them: the plan to read, then the operation that carries it out."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from quri_console.effects.gate import check_wanted
from quri_console.errors import LockedError, QuriError, RefusedBySafetyRule
from quri_console.service.following import OperationHandle, follow
from quri_console.service.operations import (
    DEFAULT_STOP_TIMEOUT_SECONDS,
    intention,
    locks_folder,
    new_request,
    principal_of,
    start_operation,
)
from quri_console.service.restores import known_canister
from quri_console.service.session import Session

if TYPE_CHECKING:
    from quri_console.ic.agent import Agent
    from quri_console.repository.store import Repository
    from quri_console.restore.remedies import Proposal
    from quri_console.restore.remedy_checks import Surroundings
    from quri_console.restore.remedy_payments import Paying
    from quri_console.restore.remedy_plan import RemedyPlan
    from quri_console.restore.remedy_planning import RemedyWish


@contextlib.asynccontextmanager
async def at_work(
    session: Session, canister: str, stop_timeout_seconds: float = DEFAULT_STOP_TIMEOUT_SECONDS
) -> AsyncIterator[tuple[Agent, RemedyWish, Surroundings]]:
    """What planning needs: an agent, what is wanted, and what goes on around it."""
    import hashlib

    from quri_console.effects.lock import lock_holder
    from quri_console.effects.lockdown import read_lockdown
    from quri_console.restore.remedy_checks import Surroundings
    from quri_console.restore.remedy_planning import RemedyWish
    from quri_console.service.connect import as_shown, connect

    target = known_canister(session, canister)
    identity = session.config.require_identity("operate")
    async with await connect(session.network, identity, session.clock, passphrase=session.passphrase) as agent:
        root_key_hash = hashlib.sha256(agent.root_key).digest()
        wish = RemedyWish(
            network=session.network.name,
            production=as_shown(session.network, agent.root_key).production,
            canister=principal_of(target),
            name=target.name,
            stop_timeout_seconds=round(stop_timeout_seconds),
            health_checks=target.health_checks,
        )
        holder = lock_holder(locks_folder(session.config), root_key_hash, target.id)
        yield agent, wish, Surroundings(session.clock, holder, read_lockdown(session.config.paths.state))


def repository_of(session: Session) -> Repository:
    """The configured repository. Raises RepositoryMissing and what opening raises."""
    from quri_console.service.repositories import open_repository

    return open_repository(session.config, session.clock, ask_passphrase=session.repository_passphrase)


async def plan_start(session: Session, canister: str) -> RemedyPlan:
    """What starting would do; has no effects. Raises NotAuthorised, NetworkError."""
    from quri_console.restore.remedy_planning import plan_start as plan

    async with at_work(session, canister) as (agent, wish, around):
        return _told(session, await plan(agent, wish, around))


async def plan_stop(
    session: Session, canister: str, *, stop_timeout_seconds: float = DEFAULT_STOP_TIMEOUT_SECONDS
) -> RemedyPlan:
    """What stopping would do; has no effects. Raises NotAuthorised, NetworkError."""
    from quri_console.restore.remedy_planning import plan_stop as plan

    async with at_work(session, canister, stop_timeout_seconds) as (agent, wish, around):
        return _told(session, await plan(agent, wish, around))


async def plan_settings(session: Session, canister: str, source: str = "latest") -> RemedyPlan:
    """What putting a backup's settings back would do; has no effects. Raises BackupNotFound, NotAuthorised."""
    from quri_console.restore.remedy_settings import plan_settings as plan

    async with at_work(session, canister) as (agent, wish, around):
        return _told(session, await plan(agent, wish, around, repository_of(session), source))


async def plan_module(
    session: Session,
    canister: str,
    source: str = "latest",
    *,
    stop_timeout_seconds: float = DEFAULT_STOP_TIMEOUT_SECONDS,
) -> RemedyPlan:
    """What an upgrade to a backup's module would do; has no effects. Raises BackupNotFound, CorruptionError."""
    from quri_console.restore.remedy_module import plan_module as plan

    async with at_work(session, canister, stop_timeout_seconds) as (agent, wish, around):
        return _told(session, await plan(agent, wish, around, repository_of(session), source))


async def plan_top_up(
    session: Session, canister: str, amount: int, *, from_subaccount: bytes | None = None
) -> RemedyPlan:
    """What paying `amount` cycles of the ledger into a canister would do; has no effects. Raises UsageError."""
    from quri_console.restore.remedy_payments import plan_top_up as plan

    paying = await _paying(session, canister, amount, from_subaccount)
    async with at_work(session, canister) as (agent, wish, around):
        return _told(session, await plan(agent, wish, around, paying))


async def plan_create(
    session: Session, canister: str, source: str = "latest", *, amount: int, from_subaccount: bytes | None = None
) -> RemedyPlan:
    """What creating a canister in the place of one that is gone would do; has no effects. Raises BackupNotFound."""
    from quri_console.restore.remedy_payments import Paying
    from quri_console.restore.remedy_payments import plan_create as plan

    async with at_work(session, canister) as (agent, wish, around):
        return _told(
            session, await plan(agent, wish, around, Paying(amount, from_subaccount), repository_of(session), source)
        )


async def plan_settings_back(session: Session, operation_id: str) -> RemedyPlan:
    """What taking the settings of an operation back would do; has no effects. Raises RefusedBySafetyRule."""
    from quri_console.restore.plan import read_plan
    from quri_console.restore.remedy_plan import RemedyPlan
    from quri_console.restore.remedy_settings import plan_settings_undone as plan

    handle = follow(session, operation_id)
    if handle.request.kind != "settings":
        raise RefusedBySafetyRule(f"{handle.id} is a {handle.request.kind}: it changed no settings alone")
    if handle.running():
        raise LockedError(f"{handle.id} still runs", next_step=f"Abort it: quri-console operations abort {handle.id}")
    done = read_plan(handle.directory, RemedyPlan)
    if done.settings_before is None:
        raise RefusedBySafetyRule(f"the plan of {handle.id} does not say which settings there were before")
    async with at_work(session, handle.request.canisters[0]) as (agent, wish, around):
        return _told(session, await plan(agent, wish, around, done, handle.id))


async def start_remedy(
    session: Session, plan: RemedyPlan, *, confirmation: str = "", force: bool = False, reason: str | None = None
) -> OperationHandle:
    """Carry a plan out in a runner. Raises RefusedBySafetyRule, PlanNotFeasible."""
    from quri_console.restore.plan import write_plan
    from quri_console.restore.remedy_plan import require_possible

    check_wanted(
        intention(
            session, plan.kind, production=plan.production, canister=plan.name, confirmation=confirmation, force=force
        )
    )
    require_possible(plan)
    request = new_request(session, plan.kind, (plan.name,), "operate", reason)
    request = dataclasses.replace(request, confirmation=confirmation, force=force, plan_hash=plan.hash)
    return await start_operation(session, request, prepare=lambda files: write_plan(files.directory, plan))


async def _paying(session: Session, canister: str, amount: int, from_subaccount: bytes | None) -> Paying:
    from quri_console.restore.remedy_payments import Paying
    from quri_console.service.burn_view import fleet_burn

    burn = None
    with contextlib.suppress(QuriError):
        # without a history the idle burn alone says how long it lasts
        (known,) = await fleet_burn(session, (canister,))
        burn = None if known.estimate is None else known.estimate.alert_per_day
    return Paying(amount, from_subaccount, burn)


async def propose(session: Session, canister: str) -> Proposal:
    """What would help a canister, least destructive first; has no effects. Raises NetworkError."""
    from quri_console.restore.remedies import propose as proposed
    from quri_console.service.readiness import repository_if_any, safety_snapshots

    repository, notes = repository_if_any(session)
    async with at_work(session, canister) as (agent, wish, around):
        known = dataclasses.replace(wish, burn_per_day=await _burn_seen(session, wish.name))
        return await proposed(agent, known, around, repository, safety_snapshots(session, of_backups=False), notes)


async def _burn_seen(session: Session, canister: str) -> float | None:
    """Cycles a day by which alerts go, too; None where the history tells none."""
    from quri_console.history.failures import HistoryUnusable
    from quri_console.service.burn_view import fleet_burn

    if not session.config.paths.history.exists():
        return None
    try:
        (burn,) = await fleet_burn(session, (canister,))
    except HistoryUnusable:
        # the canister itself answers; what was seen of it before only adds to that
        return None
    return burn.estimate.alert_per_day if burn.estimate is not None else None


def _told(session: Session, plan: RemedyPlan) -> RemedyPlan:
    """The plan, once the audit log has it."""
    from quri_console.service.audit import note_plan

    parameters: dict[str, object] = {"canister": plan.canister.to_str(), "bill": plan.cycles}
    if plan.source is not None:
        parameters["source"] = plan.source.label
    if plan.payment is not None:
        parameters["paid_by_ledger"] = plan.payment.amount
    if plan.failed_checks:
        parameters["failed_checks"] = [f"{check.name}: {check.found}" for check in plan.failed_checks]
    note_plan(
        session,
        plan.kind,
        target=plan.name,
        plan_hash=plan.hash,
        root_key_hash=plan.root_key_hash,
        cycles=None if plan.live is None else plan.live.cycles,
        parameters=parameters,
    )
    return plan
