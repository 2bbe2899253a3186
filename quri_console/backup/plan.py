"""What a backup would do, cost and need, worked out without any effect."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from quri_console.backup.bill import BackupBill, bill_of_backup
from quri_console.backup.files import storage_errors
from quri_console.backup.manifest import Mode
from quri_console.errors import NetworkError, NotAuthorised, QuriError, RefusedBySafetyRule
from quri_console.ic.agent import Agent, Rejected
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.read import canister_status, list_canister_snapshots
from quri_console.ic.management.types import MAX_SNAPSHOTS, CanisterStatus
from quri_console.units import format_bytes, format_cycles

_DISK_RESERVE_BYTES = 16 << 20
PLAN_PATIENCE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class BackupTarget:
    """A canister to back up, and what the operator calls it."""

    canister: Principal
    name: str


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
    repository: Path
    mode: Mode
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
    repository: Path,
    mode: Mode,
    stop_timeout_seconds: float,
) -> BackupPlan:
    """Ask for the status of every target and work out steps, bill and problems; raises what is not one canister's."""
    parts = [await _plan_canister(agent, target, repository, mode) for target in targets]
    return BackupPlan(
        network=network,
        root_key_hash=hashlib.sha256(agent.root_key).digest(),
        repository=repository,
        mode=mode,
        stop_timeout_seconds=stop_timeout_seconds,
        canisters=tuple(parts),
    )


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


async def _plan_canister(agent: Agent, target: BackupTarget, repository: Path, mode: Mode) -> CanisterPlan:
    try:
        async with answered_soon(agent):
            status = await read_status(agent, target)
            bill = bill_of_backup(status)
            require_possible(target, status, mode)
            require_room(repository, bill.snapshot_bytes)
            await require_free_snapshot(agent, target)
    except QuriError as problem:
        return CanisterPlan(target, "unknown", None, (), problem)
    return CanisterPlan(target, status.status, bill, steps_of(status, mode))


def steps_of(status: CanisterStatus, mode: Mode) -> tuple[str, ...]:
    """The steps in words, in their order."""
    copy = ("download and verify", "write the manifest", "delete the snapshot")
    if mode == "stop" and status.status == "running":
        return ("stop", "take a snapshot", "start", *copy)
    return ("take a snapshot", *copy)


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


def require_possible(target: BackupTarget, status: CanisterStatus, mode: Mode) -> None:
    """Raise RefusedBySafetyRule when a backup of this canister cannot work or would freeze it."""
    if status.module_hash is None:
        raise RefusedBySafetyRule(f"{target.name} has no code, so there is nothing to back up")
    if status.status == "stopping" and mode == "stop":
        raise RefusedBySafetyRule(
            f"{target.name} is being stopped by somebody else",
            next_step="Wait until it has stopped, start it, or use --mode hot.",
        )
    bill = bill_of_backup(status)
    if not bill.affordable:
        raise RefusedBySafetyRule(
            f"{target.name} would freeze: the backup costs about {format_cycles(bill.cycles)} cycles",
            why=f"It has {format_cycles(bill.balance)}, and its freezing limit is "
            f"{format_cycles(bill.freezing_limit)} while the snapshot exists.",
            next_step="Top the canister up, then run the backup again.",
        )


async def require_free_snapshot(agent: Agent, target: BackupTarget) -> None:
    """Raise RefusedBySafetyRule when the canister already has as many snapshots as it may."""
    snapshots = await list_canister_snapshots(agent, target.canister)
    if len(snapshots) >= MAX_SNAPSHOTS:
        raise RefusedBySafetyRule(
            f"{target.name} already has {len(snapshots)} snapshots",
            why=f"At most {MAX_SNAPSHOTS} are possible, and none of them is this tool's to delete.",
            next_step="Delete one that is no longer needed: icp canister snapshot delete "
            f"{target.canister.to_str()} SNAPSHOT_ID",
        )


def require_room(repository: Path, needed_bytes: int) -> None:
    """Raise RefusedBySafetyRule when the disk of the repository has less than `needed_bytes` free.

    StorageFailed when it cannot be looked at.
    """
    with storage_errors("read the repository", repository):
        folder = next(parent for parent in (repository, *repository.parents) if parent.exists())
        free = shutil.disk_usage(folder).free
    if free < needed_bytes + _DISK_RESERVE_BYTES:
        raise RefusedBySafetyRule(
            f"{folder} has too little room: {format_bytes(free)} are free",
            why=f"The backup needs about {format_bytes(needed_bytes)}, and some must stay free.",
            next_step="Free some space there, or set another folder as [repository] path.",
        )
