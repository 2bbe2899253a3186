"""Rollbacks as the operator asks for them: the plan to read, then the operation that carries it out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from quri_console.effects.gate import REPLACING, check_wanted
from quri_console.effects.journal import JOURNAL_NAME, read_records
from quri_console.effects.operation_files import OperationRequest
from quri_console.errors import LockedError, RefusedBySafetyRule, UsageError
from quri_console.service.following import UNDONE, OperationHandle, follow
from quri_console.service.operations import (
    DEFAULT_STOP_TIMEOUT_SECONDS,
    intention,
    new_request,
    start_operation,
)
from quri_console.service.rolled_back import require_not_rolled_back
from quri_console.service.session import Session

if TYPE_CHECKING:
    from quri_console.restore.plan import RestorePlan
    from quri_console.restore.remedy_plan import RemedyPlan
    from quri_console.restore.rollback import RollbackMember, RollbackPlan


async def plan_rollback(session: Session, operation_id: str) -> RollbackPlan:
    """What undoing a restore would do; has no effects. Raises RefusedBySafetyRule, UsageError, NetworkError."""
    from quri_console.restore.rollback import plan_rollback as plan
    from quri_console.service.connect import as_shown, connect

    handle = follow(session, operation_id)
    _require_undoable(session, handle)
    wish = _wish(session, handle)
    identity = session.config.require_identity("operate")
    async with await connect(session.network, identity, session.clock, passphrase=session.passphrase) as agent:
        production = as_shown(session.network, agent.root_key).production
        return await plan(agent, dataclasses.replace(wish, production=production), clock=session.clock)


def _require_undoable(session: Session, handle: OperationHandle) -> None:
    """Raise RefusedBySafetyRule, LockedError, UsageError where nothing can be undone; asks nothing of the network."""
    request = handle.request
    if request.kind not in REPLACING:
        raise RefusedBySafetyRule(
            f"{handle.id} is a {request.kind}: it replaced nothing that could be rolled back",
            next_step="`quri-console operations list` shows the restores, which can be.",
        )
    if handle.running():
        raise LockedError(f"{handle.id} still runs", next_step=f"Abort it: quri-console operations abort {handle.id}")
    require_not_rolled_back(handle)
    _require_replaced(handle)
    _require_same_network(session, request)


def _require_replaced(handle: OperationHandle) -> None:
    """Refuse to undo what came to nothing: it would take away all that was written since the operation failed."""
    from quri_console.restore.module_swap import OLD_MODULE
    from quri_console.restore.swap_target import OLD_STATE

    outcome = handle.outcome()
    if outcome is None or outcome.result.get("state") not in (OLD_STATE, OLD_MODULE):
        return
    kept, name = outcome.result.get("safety_snapshot"), handle.request.canisters[0]
    raise RefusedBySafetyRule(
        f"{handle.id} replaced nothing, so there is nothing to roll back",
        why="when it ended the canister had its old state, and what was written since would be lost",
        next_step=f"If you want the state of that moment all the same: quri-console restore {name} "
        f"--from snapshot:{kept} --dry-run"
        if kept
        else "`quri-console operations list` shows the restores that can be rolled back.",
    )


def _wish(session: Session, handle: OperationHandle) -> RollbackPlan:
    """The rollback as the operation's own plan and journal tell it. Raises RefusedBySafetyRule, CorruptionError."""
    from quri_console.restore.rollback import RollbackPlan

    members = _undone_members(session, handle)
    name = members[0].name if len(members) == 1 else _group_name(handle)
    kept_until = handle.summary().safety_kept_until_ns
    return RollbackPlan(
        network=session.network.name,
        name=name,
        operation=handle.id,
        members=members,
        stop_timeout_seconds=DEFAULT_STOP_TIMEOUT_SECONDS,
        kept_until_ns=kept_until or 0,
    )


def _group_name(handle: OperationHandle) -> str:
    from quri_console.restore.group_plan import read_any_plan
    from quri_console.restore.plan import read_plan
    from quri_console.restore.rollback import RollbackPlan

    if handle.request.kind == "restore":
        return read_any_plan(handle.directory).name
    return read_plan(handle.directory, RollbackPlan).name


def _undone_members(session: Session, handle: OperationHandle) -> tuple[RollbackMember, ...]:
    """What each canister goes back to. Raises RefusedBySafetyRule where one has nothing to go back to."""
    from quri_console.effects.replay import own_snapshots
    from quri_console.restore.rollback import RollbackMember, safety_snapshot_of
    from quri_console.restore.settings_step import settings_before

    records = read_records(handle.directory / JOURNAL_NAME)[0]
    checks = {canister.id: canister.health_checks for canister in session.config.canisters}
    return tuple(
        RollbackMember(
            canister=before.canister,
            name=before.name,
            snapshot_id=safety_snapshot_of(handle.id, records, before.canister.to_str(), before.name),
            module_hash=None if before.live is None else before.live.module_hash,
            health_checks=checks.get(before.canister.to_str(), ()),
            settings=settings_before(before.settings, None if before.live is None else before.live.settings),
            leftovers=own_snapshots(records, canister=before.canister.to_str()),
        )
        for before in _planned_members(handle)
    )


def _planned_members(handle: OperationHandle) -> tuple[RestorePlan | RollbackMember | RemedyPlan, ...]:
    from quri_console.restore.group_plan import members_of, read_any_plan
    from quri_console.restore.plan import read_plan
    from quri_console.restore.remedy_plan import RemedyPlan
    from quri_console.restore.rollback import RollbackPlan

    if handle.request.kind == "restore":
        return members_of(read_any_plan(handle.directory))
    if handle.request.kind == "module":
        return (read_plan(handle.directory, RemedyPlan),)
    return read_plan(handle.directory, RollbackPlan).members


def _require_same_network(session: Session, request: OperationRequest) -> None:
    """Refuse to look for a snapshot on another network, where it would seem to have been deleted."""
    here, known = session.network.name, {network.name for network in session.config.networks}
    if request.network != here and request.network in known:
        raise UsageError(
            f"{request.id} worked on {request.network}, and this command on {here}",
            next_step=f"Name the network: quri-console --network {request.network} rollback {request.id}",
        )


async def start_rollback(
    session: Session,
    operation_id: str,
    *,
    confirmation: str,
    force: bool = False,
    reason: str | None = None,
    shown: RollbackPlan | None = None,
) -> OperationHandle:
    """Undo a restore by its safety snapshot, in a runner. Raises what `plan_rollback` and the gate raise.

    `shown` is the plan that was read and confirmed: the runner refuses when the canister has moved on since. Without
    it one is made now.
    """
    from quri_console.restore.plan import plan_hash, write_plan

    if shown is None:
        plan = await plan_rollback(session, operation_id)
    else:
        plan = shown
        _require_undoable(session, follow(session, plan.operation))
    check_wanted(
        intention(
            session, "rollback", production=plan.production, canister=plan.name, confirmation=confirmation, force=force
        )
    )
    names = tuple(member.name for member in plan.members)
    request = new_request(session, "rollback", names, "operate", reason)
    request = dataclasses.replace(
        request,
        confirmation=confirmation,
        force=force,
        plan_hash=plan_hash(plan),
        parameters={UNDONE: plan.operation},
    )
    return await start_operation(session, request, prepare=lambda files: write_plan(files.directory, plan))
