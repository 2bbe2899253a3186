"""Opening what two sides name: what each holds, which canisters are compared, and each of them when its turn comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from quri_console.backup.browse import INTERFACE_NAME, OpenBackup, open_backup
from quri_console.backup.canister_facts import CanisterFacts, facts_of_legacy, facts_of_stored
from quri_console.backup.compare_sides import OpenSide
from quri_console.backup.comparison import PARTS, Part, Side
from quri_console.backup.interchange import METADATA_NAME, read_snapshot_directory
from quri_console.backup.legacy import ARCHIVE_SUFFIX as LEGACY_SUFFIX
from quri_console.backup.legacy import MANIFEST_NAME as LEGACY_MANIFEST
from quri_console.backup.legacy import read_legacy
from quri_console.backup.legacy_texts import local_time
from quri_console.backup.pairing import Holding, Pairing, paired
from quri_console.backup.readable_state import KeptState
from quri_console.backup.sides import BackupSide, LiveSide, PathSide, SideName, SnapshotSide
from quri_console.clock import Clock, utc_datetime
from quri_console.errors import UsageError
from quri_console.ic.encoding.principal import Principal
from quri_console.repository.archive import ARCHIVE_SUFFIX
from quri_console.repository.archive_reading import open_archive
from quri_console.repository.sets import BACKUPS_FOLDER, is_set_name
from quri_console.repository.store import Repository, Unlock

if TYPE_CHECKING:
    from quri_console.backup.browse import StoredCanister
    from quri_console.ic.agent import Agent


@dataclass(frozen=True, slots=True, eq=False)
class HeldCanister:
    """A canister that a side holds, not opened yet."""

    name: str
    canister: Principal | None
    open: Callable[[], Awaitable[OpenSide]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Places:
    """Where sides may lie, each opened only when a side needs it."""

    repository: Callable[[Path | None], Repository]
    """The one at a path, or the configured one; what it opened it opens once."""
    unlock: Unlock
    """Opens an encrypted archive."""
    cache_folder: Path
    agent: Callable[[], Awaitable[Agent]]
    root_key_hash: Callable[[Agent], bytes]
    resolve: Callable[[str], tuple[Principal, str]]
    """Id and name of the canister that a live side or a snapshot names. Raises UsageError."""
    clock: Clock


class SideOpener:
    """Opens sides; what it had to unpack is gone when its block ends."""

    def __init__(self, places: Places, parts: Collection[Part] = PARTS) -> None:
        self._places = places
        self._parts = parts
        self._unpacked = ExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._unpacked.close)

    async def pair(self, left: SideName, right: SideName) -> Pairing[HeldCanister]:
        """Which canisters are compared. Raises UsageError, BackupNotFound, CorruptionError, NetworkError."""
        if _follows(left) and _follows(right):
            raise UsageError(
                "Neither side says which canister is meant", next_step="Write it after one of them: live:rune-engine."
            )
        if _follows(left):
            after = await self._holding(right)
            return paired(await self._following(left, after), after)
        before = await self._holding(left)
        return paired(before, await (self._following(right, before) if _follows(right) else self._holding(right)))

    async def _holding(self, side: SideName) -> Holding[HeldCanister]:
        if isinstance(side, BackupSide):
            found = await asyncio.to_thread(self._backup, side.backup)
            return found if side.canister is None else found.only(side.canister)
        if isinstance(side, PathSide):
            return await asyncio.to_thread(self._at_path, side.path)
        assert side.canister is not None
        canister, name = self._places.resolve(side.canister)
        return Holding(f"{side.canister}", (self._on_chain(side, canister, name),), single=True)

    async def _following(self, side: SideName, other: Holding[HeldCanister]) -> Holding[HeldCanister]:
        """The same canisters as the other side's, on chain."""
        held = tuple(self._on_chain(side, one.canister, one.name) for one in other.held if one.canister is not None)
        if not held or (isinstance(side, SnapshotSide) and len(held) > 1):
            raise UsageError(
                f"{other.label} does not say which canister is meant",
                next_step="Name it: live:CANISTER, snapshot:CANISTER/ID.",
            )
        return Holding("live", held, single=other.single or isinstance(side, SnapshotSide))

    def _on_chain(self, side: SideName, canister: Principal, name: str) -> HeldCanister:
        async def open_it() -> OpenSide:
            from quri_console.backup.live_side import OnChain, open_live, open_snapshot  # loads the network's rooms

            agent = await self._places.agent()
            source = OnChain(agent, canister, name, self._places.root_key_hash(agent), self._places.clock)
            if isinstance(side, SnapshotSide):
                return await open_snapshot(source, side.snapshot_id)
            return await open_live(source, parts=self._parts)

        return HeldCanister(name, canister, open_it)

    def _backup(self, name: str) -> Holding[HeldCanister]:
        return _of_set(open_backup(self._places.repository(None), name), None)

    def _at_path(self, path: Path) -> Holding[HeldCanister]:
        """What lies at a path, or the canister that its last part names. Raises as opening that does."""
        kind = _kind_at(path)
        if kind is not None:
            return self._opened(path, kind)
        kind = _kind_at(path.parent)
        if kind is None or kind == "directory":
            raise UsageError(
                f"{path} is no backup" if path.exists() else f"There is nothing at {path}",
                next_step="Name an archive, a snapshot directory or a legacy backup; what the repository holds is in "
                "`quri-console list`.",
            )
        return self._opened(path.parent, kind).only(path.name)

    def _opened(self, path: Path, kind: _Kind) -> Holding[HeldCanister]:
        if kind == "archive":
            places = self._places
            archive = open_archive(path, places.cache_folder, unlock=places.unlock, clock=places.clock)
            return _of_set(open_backup(self._unpacked.enter_context(archive)), str(path))
        if kind == "set":
            return _of_set(open_backup(self._places.repository(path.parent.parent), path.name), None)
        if kind == "directory":
            return Holding(str(path), (_of_directory(path),), single=True)
        return _of_legacy(path)


_Kind = Literal["archive", "set", "directory", "legacy"]


def _kind_at(path: Path) -> _Kind | None:
    """What kind of backup lies at a path, told from names alone; None for anything else."""
    if path.is_file():
        suffixes: dict[str, _Kind] = {ARCHIVE_SUFFIX: "archive", LEGACY_SUFFIX: "legacy"}
        return next((kind for suffix, kind in suffixes.items() if path.name.endswith(suffix)), None)
    if not path.is_dir():
        return None
    if (path / METADATA_NAME).exists():
        return "directory"
    if path.parent.name == BACKUPS_FOLDER and is_set_name(path.name):
        return "set"
    return "legacy" if local_time(path.name) or (path / LEGACY_MANIFEST).exists() else None


def _follows(side: SideName) -> bool:
    """Whether a side is of the canister that the other side names."""
    return isinstance(side, LiveSide | SnapshotSide) and side.canister is None


def _of_set(backup: OpenBackup, archive: str | None) -> Holding[HeldCanister]:
    return Holding(
        archive or backup.name,
        tuple(
            HeldCanister(entry.name, entry.canister, partial(_open_stored, backup, entry.canister, archive))
            for entry in backup.manifest.canisters
        ),
        single=False,
    )


async def _open_stored(backup: OpenBackup, canister: Principal, archive: str | None) -> OpenSide:
    stored = await asyncio.to_thread(backup.canister, canister)
    return await asyncio.to_thread(open_stored, stored, archive)


def open_stored(stored: StoredCanister, archive: str | None = None) -> OpenSide:
    """A stored canister as a side; `archive` is the path of the archive that it lies in. Raises CorruptionError."""
    facts = facts_of_stored(stored, archive=archive)
    published = stored.record(INTERFACE_NAME)
    facts = facts.with_interface(None if published is None else published.decode(errors="replace"))
    return OpenSide(facts, None if stored.state is None else KeptState(stored.state))


def _of_legacy(path: Path) -> Holding[HeldCanister]:
    backup = read_legacy(path)

    async def opened(facts: CanisterFacts) -> OpenSide:
        return OpenSide(facts)

    return Holding(
        str(path),
        tuple(
            HeldCanister(one.name, one.canister_id, partial(opened, facts_of_legacy(backup, one)))
            for one in backup.canisters
        ),
        single=False,
    )


def _of_directory(path: Path) -> HeldCanister:
    name = path.resolve().name

    async def open_it() -> OpenSide:
        return await asyncio.to_thread(open_directory, path, name)

    return HeldCanister(name, None, open_it)


def open_directory(path: Path, name: str) -> OpenSide:
    """A snapshot directory as a side; whose it is, nothing in it tells. Raises CorruptionError."""
    directory = read_snapshot_directory(path)
    side = Side("directory", str(path), name, None, utc_datetime(directory.metadata.taken_at_ns))
    return OpenSide(CanisterFacts(side).with_snapshot(directory.metadata), KeptState(directory))
