"""Starting operations: who may, the request that a runner finds, its key, its process; and what is followed after."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.config import Config
from quri_console.config.model import CanisterConfig, Duty, NetworkConfig
from quri_console.effects.gate import Intention, OperationKind, ReasonRule, require_reason
from quri_console.effects.operation_files import (
    OperationFiles,
    OperationRequest,
    new_operation_id,
)
from quri_console.effects.runner import Key, start_runner
from quri_console.errors import RefusedBySafetyRule
from quri_console.service.following import OperationHandle, named, operations
from quri_console.service.session import Session

if TYPE_CHECKING:
    from quri_console.ic.encoding.principal import Principal

RUNNER_MODULE = "quri_console.service.runner_main"
DEFAULT_STOP_TIMEOUT_SECONDS = 60


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


def intention(
    session: Session,
    kind: OperationKind,
    *,
    production: bool = False,
    canister: str = "",
    confirmation: str = "",
    force: bool = False,
) -> Intention:
    """What is about to be done, as the gate asks it."""
    return Intention(
        kind=kind,
        network=session.network.name,
        production=production or session.network.production,
        read_only=session.read_only,
        canister=canister,
        confirmation=confirmation,
        force=force,
        state_folder=session.config.paths.state,
    )


def reason_rule(network: NetworkConfig) -> ReasonRule:
    """What the configuration wants of the reason of an operation on a network."""
    return ReasonRule(network.reason_required, network.reason_pattern)


async def is_production(session: Session) -> bool:
    """Whether the network is production, by its configuration or by the root key that it shows."""
    from quri_console.service.connect import as_shown, root_key_of

    return as_shown(session.network, await root_key_of(session.network)).production


def new_request(
    session: Session, kind: OperationKind, canisters: tuple[str, ...], duty: Duty, reason: str | None
) -> OperationRequest:
    """The request of a new operation, with a name of its own.

    Raises RefusedBySafetyRule where the network's configuration wants a reason that was not given.
    """
    with refusals_audited(session, kind, ", ".join(canisters)):
        require_reason(kind, session.network.name, reason_rule(session.network), reason)
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


async def start_operation(
    session: Session, request: OperationRequest, prepare: Callable[[OperationFiles], None] = lambda _: None
) -> OperationHandle:
    """Write the request, let `prepare` lay files beside it, and start the runner.

    What an operation that died left stopped is started first. Nothing is done that cannot be audited. Raises
    RefusedBySafetyRule, StateFolderUnusable and what reading the key raises.
    """
    from quri_console.service.audit import note_confirmed

    # a start, and cycles for a canister, take nobody's stop for their own
    if request.kind not in ("start", "top-up"):
        with refusals_audited(session, request.kind, ", ".join(request.canisters)):
            await _require_nothing_left_stopped(session, request.canisters)
    key = with_repository_passphrase(session, duty_key(session, duty_of(request.duty)), request.kind)
    note_confirmed(session, request)
    files = OperationFiles.create(session.config.paths.operations, request)
    prepare(files)
    start_runner(files, RUNNER_MODULE, key)
    return OperationHandle(session, files)


async def _require_nothing_left_stopped(session: Session, names: Sequence[str]) -> None:
    """Refuse to work on a canister that an earlier operation stopped: it would be taken for stopped on purpose."""
    from quri_console.service.left_stopped import bring_back

    await bring_back(session)
    # a clone's target need not be configured; its name is its id then
    wanted = {_id_of(session, name) for name in names}
    for earlier in operations(session):
        left = wanted.intersection(earlier.left_stopped)
        if left and earlier.state != "running" and earlier.network == session.network.name:
            raise RefusedBySafetyRule(
                f"operation {earlier.id} stopped {' and '.join(named(session.config, item) for item in sorted(left))} "
                f"and has not started {'it' if len(left) == 1 else 'them'} again",
                why=f"its process ended before; whether the {'canister runs' if len(left) == 1 else 'canisters run'} "
                "by now is not in its journal",
                next_step=f"Run `quri-console operations resume {earlier.id}`, abort it, or mark it resolved, first.",
            )


def _id_of(session: Session, name: str) -> str:
    return next((canister.id for canister in session.config.canisters if name in (canister.name, canister.id)), name)


@contextlib.contextmanager
def refusals_audited(session: Session, kind: str, target: str) -> Iterator[None]:
    """Audit a refusal that is raised in a `with` block."""
    try:
        yield
    except RefusedBySafetyRule as refusal:
        from quri_console.effects.audit import note_refusal

        note_refusal(session.config.paths.state, refusal, kind=kind, network=session.network.name, target=target)
        raise


def duty_key(session: Session, duty: Duty) -> Key:
    """The key of a duty as its file has it, and its passphrase; checked before anything is started."""
    from quri_console.ic.identity import load_identity

    asked: list[str] = []

    def ask() -> str:
        asked.append(session.passphrase() if session.passphrase is not None else "")
        return asked[-1]

    path = session.config.require_identity(duty).pem
    load_identity(path, ask if session.passphrase is not None else None)
    return Key(path.read_bytes(), asked[0] if asked else None)


def with_repository_passphrase(session: Session, key: Key, kind: str, *, required: bool = True) -> Key:
    """The key with the passphrase of the repository, where the work needs it and the runner cannot find it itself."""
    from quri_console.service.repositories import passphrase_for_runner

    if kind not in ("backup", "restore", "module"):
        return key
    passphrase = passphrase_for_runner(session.config, session.repository_passphrase, required=required)
    return dataclasses.replace(key, repository_passphrase=passphrase)


def duty_of(text: str) -> Duty:
    """The duty with this name; everything but a backup operates."""
    return "backup" if text == "backup" else "operate"


def principal_of(target: CanisterConfig) -> Principal:
    """The id of a configured canister."""
    from quri_console.ic.encoding.principal import parse_principal

    return parse_principal(target.id)
