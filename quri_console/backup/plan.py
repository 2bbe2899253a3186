"""What a backup would do, cost and need, worked out without any effect."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from quri_console.backup.bill import BackupBill, bill_of_backup
from quri_console.backup.browse import readable_backups
from quri_console.backup.manifest import NetworkOrigin, TakenMode
from quri_console.backup.own_snapshots import snapshot_to_replace
from quri_console.backup.target import BackupTarget
from quri_console.errors import NetworkError, NotAuthorised, QuriError, RefusedBySafetyRule
from quri_console.ic.agent import Agent, Rejected
from quri_console.ic.management.read import canister_status
from quri_console.ic.management.types import CanisterStatus
from quri_console.repository.files import storage_errors
from quri_console.repository.local import LocalBackend
from quri_console.repository.store import Repository
from quri_console.units import format_bytes, format_cycles

_DISK_RESERVE_BYTES = 16 << 20
PLAN_PATIENCE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class CanisterPlan:
    """One canister's part; with a `problem` it is left out, and the set is partial."""

    target: BackupTarget
    status: str
    bill: BackupBill | None
    steps: tuple[str, ...]
    problem: QuriError | None = None


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """Everything that a backup would do; `root_key_hash` ties it to its network."""

    network: str
    root_key_hash: bytes
    repository: str
    """Where it goes."""
    mode: TakenMode
    stop_timeout_seconds: float
    canisters: tuple[CanisterPlan, ...]

    @property
    def targets(self) -> tuple[BackupTarget, ...]:
        return tuple(part.target for part in self.canisters)

    @property
    def cycles(self) -> int:
        """The whole bill, estimated."""
        return sum(part.bill.cycles for part in self.canisters if part.bill)

    @property
    def state_bytes(self) -> int:
        """About how many bytes will be stored."""
        return sum(part.bill.snapshot_bytes for part in self.canisters if part.bill)


async def plan_backup(
    agent: Agent,
    targets: Sequence[BackupTarget],
    *,
    network: str,
    repository: Repository | Path,
    mode: TakenMode,
    stop_timeout_seconds: float,
) -> BackupPlan:
    """Ask for the status of every target and work out steps, bill and problems; raises what is not one canister's.

    `repository` is a path where there is none yet.
    """
    root_key_hash = hashlib.sha256(agent.root_key).digest()
    own = await asyncio.to_thread(_own_snapshots, repository, targets, NetworkOrigin(network, root_key_hash))
    parts = [await _plan_canister(agent, target, repository, mode, own.get(target, ())) for target in targets]
    return BackupPlan(
        network=network,
        root_key_hash=root_key_hash,
        repository=str(repository) if isinstance(repository, Path) else repository.backend.location,
        mode=mode,
        stop_timeout_seconds=stop_timeout_seconds,
        canisters=tuple(parts),
    )


def _own_snapshots(
    repository: Repository | Path, targets: Sequence[BackupTarget], network: NetworkOrigin
) -> Mapping[BackupTarget, tuple[bytes, ...]]:
    if isinstance(repository, Path):
        return {}
    taken: dict[BackupTarget, list[bytes]] = {target: [] for target in targets}
    for backup in readable_backups(repository):
        for entry in backup.manifest.canisters:
            for target in targets:
                if entry.took_snapshot and entry.canister == target.canister and backup.manifest.network == network:
                    taken[target].append(entry.snapshot_id)
    return {target: tuple(found) for target, found in taken.items()}


@asynccontextmanager
async def answered_soon(agent: Agent) -> AsyncIterator[None]:
    """Raise NetworkError when the block takes longer than somebody waits for a plan.

    Requests themselves are repeated for minutes, as they must be once a canister is stopped.
    """
    try:
        async with asyncio.timeout(PLAN_PATIENCE_SECONDS):
            yield
    except TimeoutError as error:
        raise NetworkError(
            f"{agent.url} gave no usable answer within {PLAN_PATIENCE_SECONDS} s",
            why="It breaks connections, or asks to come back later; every request was repeated",
            next_step="Check the network's url in the configuration and this machine's connection, then try again.",
        ) from error


async def _plan_canister(
    agent: Agent, target: BackupTarget, repository: Repository | Path, mode: TakenMode, own: tuple[bytes, ...]
) -> CanisterPlan:
    if mode == "metadata":
        return CanisterPlan(target, "any", None, METADATA_STEPS)
    try:
        async with answered_soon(agent):
            status = await read_status(agent, target)
            bill = bill_of_backup(status)
            require_possible(target, status, mode)
            require_room(repository, bill.snapshot_bytes)
            if mode != "reuse":
                await snapshot_to_replace(agent, target, own)
    except QuriError as problem:
        return CanisterPlan(target, "unknown", None, (), problem)
    return CanisterPlan(target, status.status, bill, steps_of(status, mode, target.keep_on_chain))


METADATA_STEPS = ("read what can be seen", "write the manifest")


def steps_of(status: CanisterStatus, mode: TakenMode, keep_on_chain: int = 0) -> tuple[str, ...]:
    """The steps in words, in their order."""
    if mode == "metadata":
        return METADATA_STEPS
    copy = ("download and verify", "write the manifest")
    if mode == "reuse":
        return (*copy, "leave the snapshot as it is")
    last = f"keep the newest {keep_on_chain} on chain" if keep_on_chain else "delete the snapshot"
    if mode == "stop" and status.status == "running":
        return ("stop", "take a snapshot", "start", *copy, last)
    return ("take a snapshot", *copy, last)


async def read_status(agent: Agent, target: BackupTarget) -> CanisterStatus:
    """The certified status of a target; NotAuthorised when the identity may not see it."""
    try:
        return await canister_status(agent, target.canister)
    except Rejected as error:
        if error.error_code != "IC0512":
            raise
        raise NotAuthorised(
            f"{agent.identity.sender.to_str()} does not control {target.name}",
            why="Only a controller may take and read snapshots.",
            next_step=f"Let a controller add it: icp canister settings update {target.canister.to_str()} "
            f"--add-controller {agent.identity.sender.to_str()}",
        ) from error


def require_possible(target: BackupTarget, status: CanisterStatus, mode: TakenMode) -> None:
    """Raise RefusedBySafetyRule when a backup of this canister cannot work or would freeze it."""
    if status.module_hash is None:
        raise RefusedBySafetyRule(f"{target.name} has no code, so there is nothing to back up")
    if status.status == "stopping" and mode == "stop":
        raise RefusedBySafetyRule(
            f"{target.name} is being stopped by somebody else",
            next_step="Wait until it has stopped, start it, or use --mode hot.",
        )
    if mode == "reuse":
        return
    bill = bill_of_backup(status)
    if not bill.affordable:
        raise RefusedBySafetyRule(
            f"{target.name} would freeze: the backup costs about {format_cycles(bill.cycles)} cycles",
            why=f"It has {format_cycles(bill.balance)}, and its freezing limit is "
            f"{format_cycles(bill.freezing_limit)} while the snapshot exists.",
            next_step="Top the canister up, then run the backup again.",
        )


def require_room(repository: Repository | Path, needed_bytes: int) -> None:
    """Raise RefusedBySafetyRule when the disk of the repository has less than `needed_bytes` free.

    StorageFailed when it cannot be looked at.
    """
    if isinstance(repository, Repository):
        if not isinstance(repository.backend, LocalBackend):
            return
        repository = repository.backend.root
    with storage_errors("read the repository", repository):
        folder = next(parent for parent in (repository, *repository.parents) if parent.exists())
        free = shutil.disk_usage(folder).free
    if free < needed_bytes + _DISK_RESERVE_BYTES:
        raise RefusedBySafetyRule(
            f"{folder} has too little room: {format_bytes(free)} are free",
            why=f"The backup needs about {format_bytes(needed_bytes)}, and some must stay free.",
            next_step="Free some space there, or set another folder as [repository] path.",
        )
