"""After a backup's runner was killed: go on with what it left, or remove it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.backup.manifest import GroupWindow, Manifest, manifest_of
from quri_console.backup.status_record import decode_status
from quri_console.effects.calls import TAKE_SNAPSHOT
from quri_console.effects.journal import Record
from quri_console.effects.replay import attempts, snapshots_made
from quri_console.errors import CorruptionError, RefusedBySafetyRule
from quri_console.ic.encoding.principal import Principal, parse_principal
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.management.types import CanisterStatus, Snapshot
from quri_console.ic.rejection import Rejected
from quri_console.repository.set_writer import abandon_set
from quri_console.repository.store import Repository

if TYPE_CHECKING:
    from quri_console.effects.perform import Effects

SET_RESERVED = "set reserved"


@dataclass(frozen=True, slots=True)
class Resumed:
    """An unfinished set of this operation; statuses as they were before anything was done."""

    set_name: str
    statuses: dict[str, CanisterStatus]
    groups: tuple[GroupWindow, ...] = ()

    def status_of(self, canister: Principal) -> CanisterStatus | None:
        """The canister's status before; None when the earlier run did not come so far."""
        return self.statuses.get(canister.to_str())

    def group(self, name: str) -> GroupWindow | None:
        """The window of a group that was taken whole; None when that is not known."""
        return next((group for group in self.groups if group.name == name), None)

    async def snapshot_of(self, effects: Effects, canister: Principal) -> Snapshot | None:
        """The snapshot that the earlier run took and that is still on chain; never another one."""
        ours = snapshots_of_operation(effects, canister)
        there = await list_canister_snapshots(effects.agent, canister) if ours else ()
        return next((snapshot for snapshot in reversed(there) if snapshot.id in ours), None)


def snapshots_of_operation(effects: Effects, canister: Principal, *, doubtful: bool = False) -> tuple[bytes, ...]:
    """Snapshots of a canister that this operation took and has not deleted, oldest first.

    With `doubtful` ones as well whose deletion nobody confirmed: for who deletes them, not for who reads them.
    """
    return snapshots_made(effects.journal.records, TAKE_SNAPSHOT, canister=canister.to_str(), doubtful=doubtful)


def reserved_set(records: Iterable[Record], repository: Repository) -> str | None:
    """The set that an earlier process of this operation began; None when it did not come so far.

    Raises RefusedBySafetyRule when it was begun in another repository.
    """
    names = [record.fields for record in records if record.event == SET_RESERVED]
    if not names:
        return None
    if names[-1]["repository"] != repository.id:
        raise RefusedBySafetyRule(
            "the operation was begun in another repository",
            why=f"It wrote into {names[-1]['repository'][:8]}, this is {repository.id[:8]}.",
            next_step="Set [repository] path to where it was, then resume it.",
        )
    return str(names[-1]["set"])


def committed_set(records: Iterable[Record], repository: Repository) -> Manifest | None:
    """The set of this operation, when its manifest stands: it was killed after the commit."""
    name = reserved_set(records, repository)
    return manifest_of(repository.manifest(name)) if name is not None and name in repository.set_names() else None


def find_resumable(records: Iterable[Record], repository: Repository) -> Resumed | None:
    """What an earlier process of this operation left unfinished; None when there is nothing to go on with."""
    name = reserved_set(records, repository)
    if name is None or name not in repository.unfinished_names():
        return None
    statuses = {}
    for note, data in repository.resume_set(name).notes():
        if note.startswith("status-"):
            try:
                statuses[note.removeprefix("status-")] = decode_status(data, note)
            except CorruptionError:
                continue  # it is read again
    return Resumed(name, statuses)


async def remove_unfinished(effects: Effects, repository: Repository) -> None:
    """Remove the unfinished set and delete the snapshots that the operation took.

    To be called once the journal's open effects are settled. Raises StorageFailed, Rejected, NetworkError.
    """
    records = effects.journal.records
    name = reserved_set(records, repository)
    if name is not None and name in repository.unfinished_names():
        # without a key: whoever ends a backup that died is asked for none
        await asyncio.to_thread(abandon_set, repository.backend, name)
    await delete_own_snapshots(effects)


async def delete_own_snapshots(effects: Effects) -> None:
    """Delete every snapshot that this operation took. Raises Rejected, once all were tried, and NetworkError."""
    refused: Rejected | None = None
    for attempt in attempts(effects.journal.records, TAKE_SNAPSHOT):
        canister = parse_principal(attempt.canister)
        if attempt.snapshot_id in snapshots_of_operation(effects, canister, doubtful=True):
            assert attempt.snapshot_id is not None
            try:
                await effects.delete_snapshot(canister, attempt.snapshot_id)
            except Rejected as error:
                # those of the other canisters cost cycles as well
                refused = refused or error
    if refused is not None:
        raise refused
