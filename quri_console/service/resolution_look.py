"""What an operation that will not be gone on with has left behind, before it is marked resolved; has no effects."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.effects.journal import Record
from quri_console.effects.operation_files import OperationRequest
from quri_console.effects.replay import RESOLVED, attempts, is_resolved, left_stopped
from quri_console.errors import LockedError, QuriError, RefusedBySafetyRule, UsageError
from quri_console.service.following import OperationHandle, follow
from quri_console.service.operations import locks_folder
from quri_console.service.session import Session

if TYPE_CHECKING:
    from quri_console.config.model import NetworkConfig
    from quri_console.restore.resolution import LeftCanister, Resolution


async def plan_resolution(session: Session, operation_id: str) -> Resolution:
    """What an operation left behind, as its journal and the network tell; has no effects.

    Raises RefusedBySafetyRule where there is nothing to resolve, LockedError while it runs, UsageError,
    CorruptionError.
    """
    from quri_console.restore.resolution import Resolution, as_journalled

    handle = follow(session, operation_id)
    require_open(handle)
    request, records = handle.request, handle.journal()
    network = _network_of(session, request)
    names = session.config.canister_names
    resolution = Resolution(
        operation=handle.id,
        kind=request.kind,
        network=request.network,
        production=True if network is None else network.production,
        name=request.confirmation.partition("/")[2] or ",".join(request.canisters),
        canisters=as_journalled(records, names),
        unsettled=tuple(
            f"{item.kind.name} on {names.get(item.canister, item.canister)}" for item in attempts(records) if item.open
        ),
        repository_lock=_repository_lock(session, request),
        guarded_until_ns=_guarded_until_ns(session, handle, records),
        begun_by=_begun_by(records),
    )
    if network is None:
        return dataclasses.replace(resolution, problem=f"the configuration knows no network {request.network}")
    return await _looked_at(session, network, resolution, records)


def require_open(handle: OperationHandle) -> None:
    """Raise LockedError while it runs, RefusedBySafetyRule when nothing of it is open; asks no network."""
    summary = handle.summary()
    if summary.state == "running":
        raise LockedError(
            f"{handle.id} is still running",
            why="what runs ends by itself, or is aborted",
            next_step=f"quri-console operations show {handle.id}, or: quri-console operations abort {handle.id}",
        )
    if not summary.open:
        raise RefusedBySafetyRule(
            f"{handle.id} is {summary.state}: there is nothing to resolve",
            next_step=f"See: quri-console operations show {handle.id}",
        )


def _network_of(session: Session, request: OperationRequest) -> NetworkConfig | None:
    known = {network.name: network for network in session.config.networks}
    found = known.get(request.network)
    if found is not None and found.name != session.network.name:
        raise UsageError(
            f"{request.id} worked on {found.name}, and this command on {session.network.name}",
            next_step=f"Name the network: quri-console --network {found.name} operations resolve {request.id} …",
        )
    return found


async def _looked_at(
    session: Session, network: NetworkConfig, resolution: Resolution, records: Sequence[Record]
) -> Resolution:
    """The resolution with what the network shows; where it shows nothing, with why."""
    from quri_console.restore.resolution import look_at
    from quri_console.service.bench import admitted_on
    from quri_console.service.connect import as_shown, connect

    try:
        identity = session.config.require_identity("operate")
        async with await connect(network, identity, session.clock, passphrase=session.passphrase) as agent:
            shown = as_shown(network, agent.root_key)
            resolution = dataclasses.replace(resolution, production=shown.production)
            root_key_hash, began_on = hashlib.sha256(agent.root_key).digest(), admitted_on(records)
            if began_on and began_on != root_key_hash:
                problem = f"{network.name} is not the network that it worked on: the root key differs"
                return dataclasses.replace(resolution, problem=problem)
            canisters = await look_at(agent, resolution.canisters)
    except QuriError as error:
        return dataclasses.replace(resolution, problem=str(error))
    leases = _leases(session, root_key_hash, canisters)
    return dataclasses.replace(resolution, canisters=canisters, leases=leases)


def _leases(session: Session, root_key_hash: bytes, canisters: Sequence[LeftCanister]) -> tuple[str, ...]:
    from quri_console.effects.lock import lock_holder

    folder = locks_folder(session.config)
    held = ((item.name, lock_holder(folder, root_key_hash, item.canister.to_str())) for item in canisters)
    return tuple(f"{name}: {holder}" for name, holder in held if holder is not None)


def _repository_lock(session: Session, request: OperationRequest) -> str:
    from quri_console.repository.local import LocalBackend
    from quri_console.repository.locks import list_locks

    path = session.config.repository.path
    if not path.exists():
        return ""
    with contextlib.suppress(QuriError):
        # a repository that cannot be read has troubles of its own, and commands that tell them
        locks = list_locks(LocalBackend(path))
        return next((lock.words for lock in locks if lock.holder.endswith(f" {request.id}")), "")
    return ""


def _guarded_until_ns(session: Session, handle: OperationHandle, records: Sequence[Record]) -> int:
    """When the request of a start guard that may live expires: 5 minutes after its process gave it the last one."""
    from quri_console.effects.perform import GUARD_VALID_SECONDS

    if not left_stopped(records):
        return 0
    seen_ns = max(path.stat().st_mtime_ns for path in handle.directory.iterdir())
    until_ns = seen_ns + round(GUARD_VALID_SECONDS * NANOSECONDS_PER_SECOND)
    return until_ns if until_ns > session.clock.now_ns() else 0


def _begun_by(records: Sequence[Record]) -> str:
    if not is_resolved(records):
        return ""
    return next(str(record.fields["by"]) for record in reversed(records) if record.event == RESOLVED)
