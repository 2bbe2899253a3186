"""Operations: each runs in a runner process; here they are started, followed, listed, resumed and aborted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.config import Config
from quri_console.config.model import CanisterConfig, Duty
from quri_console.effects.gate import Intention, OperationKind, check_wanted
from quri_console.effects.journal import JOURNAL_NAME, read_records
from quri_console.effects.operation_files import (
    OperationFiles,
    OperationRequest,
    new_operation_id,
)
from quri_console.effects.operation_summary import OperationState, OperationSummary, Rollback
from quri_console.effects.runner import ABORT, Key, start_runner
from quri_console.errors import ExitCode, LockedError, RefusedBySafetyRule, UsageError
from quri_console.service.following import (
    UNDONE,
    OperationHandle,
    follow,
    interrupted,
    named,
    operations,
)
from quri_console.service.rolled_back import require_not_rolled_back
from quri_console.service.session import Session

if TYPE_CHECKING:
    from quri_console.backup.manifest import TakenMode
    from quri_console.ic.encoding.principal import Principal
    from quri_console.restore.plan import RestorePlan
    from quri_console.restore.rollback import RollbackPlan

__all__ = [
    "OperationHandle",
    "OperationState",
    "OperationSummary",
    "Rollback",
    "abort",
    "follow",
    "interrupted",
    "named",
    "operations",
    "plan_restore",
    "plan_rollback",
    "resume",
    "start_backup",
    "start_restore",
    "start_rollback",
]

RUNNER_MODULE = "quri_console.service.runner_main"
DEFAULT_STOP_TIMEOUT_SECONDS = 60


async def start_backup(
    session: Session,
    canisters: Sequence[str],
    *,
    mode: TakenMode = "stop",
    stop_timeout_seconds: float = DEFAULT_STOP_TIMEOUT_SECONDS,
    snapshots: Mapping[str, str] | None = None,
    confirmation: str = "",
    force: bool = False,
    reason: str | None = None,
) -> OperationHandle:
    """Back up canisters (names or ids; the whole fleet when empty) in a runner.

    Raises RefusedBySafetyRule, UsageError, ConfigError and what reading the key raises.
    """
    from quri_console.service.backups import backup_targets, confirmed_names

    targets = backup_targets(session.config, canisters)
    production = await _is_production(session)
    check_wanted(
        _intention(
            session,
            "backup",
            production=production,
            canister=confirmed_names(targets),
            confirmation=confirmation,
            force=force,
        )
    )
    request = _request(session, "backup", tuple(target.name for target in targets), "backup", reason)
    request = dataclasses.replace(
        request,
        confirmation=confirmation,
        force=force,
        parameters={
            "mode": mode,
            "stop_timeout_seconds": stop_timeout_seconds,
            "snapshots": dict(snapshots or {}),
        },
    )
    return _start(session, request)


async def plan_restore(
    session: Session,
    canister: str,
    source: str = "latest",
    *,
    stop_timeout_seconds: float = DEFAULT_STOP_TIMEOUT_SECONDS,
) -> RestorePlan:
    """What restoring would do; has no effects. Raises what `restore.planning.plan_restore` raises."""
    from quri_console.progress import NoProgress
    from quri_console.restore.planning import RestoreWish
    from quri_console.restore.planning import plan_restore as plan
    from quri_console.service.connect import as_shown, connect
    from quri_console.service.repositories import open_repository

    target = session.config.canister(canister)
    identity = session.config.require_identity("operate")
    async with await connect(session.network, identity, session.clock, passphrase=session.passphrase) as agent:
        wish = RestoreWish(
            network=session.network.name,
            production=as_shown(session.network, agent.root_key).production,
            canister=_principal(target),
            name=target.name,
            source=source,
            stop_timeout_seconds=round(stop_timeout_seconds),
            health_query=target.health_query,
        )
        return await plan(
            agent,
            wish,
            repository=open_repository(session.config, session.clock, ask_passphrase=session.repository_passphrase),
            locks=locks_folder(session.config),
            clock=session.clock,
            progress=NoProgress(),
        )


async def start_restore(
    session: Session, plan: RestorePlan, *, confirmation: str, force: bool = False, reason: str | None = None
) -> OperationHandle:
    """Carry a plan out in a runner. Raises RefusedBySafetyRule, PlanNotFeasible."""
    from quri_console.restore.plan import require_feasible, write_plan

    intention = _intention(
        session, "restore", production=plan.production, canister=plan.name, confirmation=confirmation, force=force
    )
    check_wanted(intention)
    require_feasible(plan)
    request = _request(session, "restore", (plan.name,), "operate", reason)
    request = dataclasses.replace(request, confirmation=confirmation, force=force, plan_hash=plan.hash)
    return _start(session, request, prepare=lambda files: write_plan(files.directory, plan))


async def plan_rollback(session: Session, operation_id: str) -> RollbackPlan:
    """What undoing a restore would do; has no effects. Raises RefusedBySafetyRule, UsageError, NetworkError."""
    from quri_console.restore.plan import RestorePlan, read_plan
    from quri_console.restore.rollback import RollbackPlan, safety_snapshot_of
    from quri_console.restore.rollback import plan_rollback as plan
    from quri_console.service.connect import connect

    handle = follow(session, operation_id)
    request = handle.request
    if request.kind not in ("restore", "rollback"):
        raise RefusedBySafetyRule(
            f"{handle.id} is a {request.kind}: it replaced nothing that could be rolled back",
            next_step="`quri-console operations list` shows the restores, which can be.",
        )
    if handle.running():
        raise LockedError(f"{handle.id} still runs", next_step=f"Abort it: quri-console operations abort {handle.id}")
    require_not_rolled_back(handle)
    _require_same_network(session, request)
    snapshot_id = safety_snapshot_of(handle.id, read_records(handle.directory / JOURNAL_NAME)[0])
    target = session.config.canister(request.canisters[0])
    before = read_plan(handle.directory, RestorePlan).live if request.kind == "restore" else None
    wish = RollbackPlan(
        network=session.network.name,
        canister=_principal(target),
        name=target.name,
        operation=handle.id,
        snapshot_id=snapshot_id,
        taken_at_ns=0,
        heap_bytes=0,
        stable_bytes=0,
        module_hash=before.module_hash if before is not None else None,
        status="",
        stop_timeout_seconds=DEFAULT_STOP_TIMEOUT_SECONDS,
        health_query=target.health_query,
    )
    identity = session.config.require_identity("operate")
    async with await connect(session.network, identity, session.clock, passphrase=session.passphrase) as agent:
        return await plan(agent, wish)


def _require_same_network(session: Session, request: OperationRequest) -> None:
    """Refuse to look for a snapshot on another network, where it would seem to have been deleted."""
    here, known = session.network.name, {network.name for network in session.config.networks}
    if request.network != here and request.network in known:
        raise UsageError(
            f"{request.id} worked on {request.network}, and this command on {here}",
            next_step=f"Name the network: quri-console --network {request.network} rollback {request.id}",
        )


async def start_rollback(
    session: Session, operation_id: str, *, confirmation: str, force: bool = False, reason: str | None = None
) -> OperationHandle:
    """Undo a restore by its safety snapshot, in a runner. Raises what `plan_rollback` and the gate raise."""
    from quri_console.restore.plan import plan_hash, write_plan

    canister = follow(session, operation_id).request.canisters[0]
    production = await _is_production(session)
    check_wanted(
        _intention(
            session, "rollback", production=production, canister=canister, confirmation=confirmation, force=force
        )
    )
    plan = await plan_rollback(session, operation_id)
    request = _request(session, "rollback", (canister,), "operate", reason)
    request = dataclasses.replace(
        request,
        confirmation=confirmation,
        force=force,
        plan_hash=plan_hash(plan),
        parameters={UNDONE: plan.operation},
    )
    return _start(session, request, prepare=lambda files: write_plan(files.directory, plan))


def resume(session: Session, operation_id: str) -> OperationHandle:
    """Go on with an operation that did not succeed and whose process is gone.

    Raises LockedError while it runs, RefusedBySafetyRule when there is nothing to go on with.
    """
    return _go_on(session, follow(session, operation_id), "resume")


def abort(session: Session, operation_id: str) -> OperationHandle:
    """Ask an operation to end before its next effect; one whose process died is ended in a new one.

    Its canisters get the status back that they had. Raises RefusedBySafetyRule when it has ended.
    """
    require_writable_session(session, ABORT)
    handle = follow(session, operation_id)
    outcome = handle.outcome()
    # a backup that the network left in the middle keeps what it copied, and its snapshot, to go on with
    waits = outcome is not None and handle.request.kind == "backup" and outcome.exit_code == ExitCode.NETWORK
    if outcome is not None and not waits:
        raise RefusedBySafetyRule(f"{handle.id} has ended", next_step=f"See: quri-console operations show {handle.id}")
    if not handle.running():
        return _go_on(session, handle, ABORT)
    handle.abort()
    return handle


def _go_on(session: Session, handle: OperationHandle, request: str) -> OperationHandle:
    """Start a new process for an operation, which at once finds `request` among what is asked of it."""
    require_writable_session(session, request)
    files = OperationFiles(handle.directory)
    if files.runner_lives():
        raise LockedError(
            f"{handle.id} is still running", next_step=f"Follow it: quri-console operations show {handle.id}"
        )
    outcome = files.outcome()
    if outcome is not None and outcome.exit_code in (ExitCode.OK, ExitCode.PARTIAL):
        raise RefusedBySafetyRule(f"{handle.id} has ended: {outcome.what}", next_step="Start a new operation instead.")
    asked = files.request()
    key = _key(session, _duty(asked.duty))
    if request != ABORT:
        # a canister that was left stopped is started without it, so nothing is refused for want of it
        key = _with_repository(session, key, asked.kind, required=False)
    files.remove_outcome()
    files.forget_requests()
    files.ask(request)
    start_runner(files, RUNNER_MODULE, key)
    return handle


def require_writable_session(session: Session, verb: str) -> None:
    """Raise RefusedBySafetyRule in a console that changes nothing."""
    if session.read_only:
        raise RefusedBySafetyRule(
            f"this console is read-only, so there is no {verb}",
            why="--read-only was given",
            next_step="Run it again without --read-only.",
        )


def locks_folder(config: Config) -> Path:
    """Where canisters are locked while an operation works on them."""
    return config.paths.state / "locks"


def _intention(
    session: Session,
    kind: OperationKind,
    *,
    production: bool = False,
    canister: str = "",
    confirmation: str = "",
    force: bool = False,
) -> Intention:
    return Intention(
        kind=kind,
        network=session.network.name,
        production=production or session.network.production,
        read_only=session.read_only,
        canister=canister,
        confirmation=confirmation,
        force=force,
    )


async def _is_production(session: Session) -> bool:
    from quri_console.service.connect import as_shown, root_key_of

    return as_shown(session.network, await root_key_of(session.network)).production


def _request(
    session: Session, kind: OperationKind, canisters: tuple[str, ...], duty: Duty, reason: str | None
) -> OperationRequest:
    now_ns = session.clock.now_ns()
    return OperationRequest(
        id=new_operation_id(kind, now_ns),
        kind=kind,
        created_at_ns=now_ns,
        config_path=str(session.config.path.resolve()),
        network=session.network.name,
        canisters=canisters,
        duty=duty,
        reason=reason,
    )


def _start(
    session: Session, request: OperationRequest, prepare: Callable[[OperationFiles], None] = lambda _: None
) -> OperationHandle:
    _require_nothing_left_stopped(session, request.canisters)
    key = _with_repository(session, _key(session, _duty(request.duty)), request.kind)
    files = OperationFiles.create(session.config.paths.operations, request)
    prepare(files)
    start_runner(files, RUNNER_MODULE, key)
    return OperationHandle(session, files)


def _require_nothing_left_stopped(session: Session, names: Sequence[str]) -> None:
    """Refuse to work on a canister that an earlier operation stopped: it would be taken for stopped on purpose."""
    wanted = {session.config.canister(name).id for name in names}
    for earlier in operations(session):
        left = wanted.intersection(earlier.left_stopped)
        if left and earlier.state != "running" and earlier.network == session.network.name:
            raise RefusedBySafetyRule(
                f"operation {earlier.id} stopped {' and '.join(named(session.config, item) for item in sorted(left))} "
                f"and has not started {'it' if len(left) == 1 else 'them'} again",
                why=f"its process ended before; whether the {'canister runs' if len(left) == 1 else 'canisters run'} "
                "by now is not in its journal",
                next_step=f"Run `quri-console operations resume {earlier.id}`, or abort it, first.",
            )


def _key(session: Session, duty: Duty) -> Key:
    """The key of a duty as its file has it, and its passphrase; checked before anything is started."""
    from quri_console.ic.identity import load_identity

    asked: list[str] = []

    def ask() -> str:
        asked.append(session.passphrase() if session.passphrase is not None else "")
        return asked[-1]

    path = session.config.require_identity(duty).pem
    load_identity(path, ask if session.passphrase is not None else None)
    return Key(path.read_bytes(), asked[0] if asked else None)


def _with_repository(session: Session, key: Key, kind: str, *, required: bool = True) -> Key:
    """The key with the passphrase of the repository, where the work needs it and the runner cannot find it itself."""
    from quri_console.service.repositories import passphrase_for_runner

    if kind not in ("backup", "restore"):
        return key
    passphrase = passphrase_for_runner(session.config, session.repository_passphrase, required=required)
    return dataclasses.replace(key, repository_passphrase=passphrase)


def _duty(text: str) -> Duty:
    return "backup" if text == "backup" else "operate"


def _principal(target: CanisterConfig) -> Principal:
    from quri_console.ic.encoding.principal import parse_principal

    return parse_principal(target.id)
