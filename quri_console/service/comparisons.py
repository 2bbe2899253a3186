"""Comparisons as the operator asks for them: opens repository, archives and network as the two sides need them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.backup.browse import LATEST, find_set
from quri_console.backup.comparison import PARTS, Part
from quri_console.backup.diff import Approve, Diff, diff_sides
from quri_console.backup.side_opening import Places, SideOpener
from quri_console.backup.sides import BackupSide, PathSide, SideName, SnapshotSide, parse_side
from quri_console.config import Config, IdentityConfig
from quri_console.errors import UsageError
from quri_console.ic.encoding.principal import InvalidPrincipal, Principal, parse_principal
from quri_console.progress import Progress
from quri_console.repository.locks import RepositoryLock, acquire
from quri_console.repository.store import Repository
from quri_console.service.repositories import configured_unlock
from quri_console.service.session import Session

if TYPE_CHECKING:
    from quri_console.ic.agent import Agent


async def diff(
    session: Session,
    left: str,
    right: str,
    *,
    approve: Approve,
    parts: Collection[Part] = PARTS,
    progress: Progress | None = None,
    wait_seconds: float = 0.0,
) -> Diff:
    """What differs between two sides; has no effects. `wait_seconds`: how long for others who prune a repository.

    Raises as `backup.diff.diff_sides`, RepositoryLocked, and what `approve` raises.
    """
    sides = parse_side(left), parse_side(right)
    async with AsyncExitStack() as resources:
        repositories = _Repositories(session, wait_seconds)
        resources.callback(repositories.close)
        places = Places(
            repository=repositories.at,
            unlock=configured_unlock(session.config, session.repository_passphrase),
            cache_folder=session.config.paths.cache,
            agent=_Connection(session, _identity(session.config, sides), resources).agent,
            root_key_hash=lambda agent: hashlib.sha256(agent.root_key).digest(),
            resolve=partial(_resolve, session.config),
            clock=session.clock,
        )
        sides = await asyncio.to_thread(_settled, sides, repositories)
        opener = await resources.enter_async_context(SideOpener(places, parts))
        return await diff_sides(
            opener, *sides, approve=approve, parts=parts, progress=progress, still_locked=repositories.still_locked
        )


class _Repositories:
    """Opens each repository once, under a lock that keeps prune away where the repository can be written."""

    def __init__(self, session: Session, wait_seconds: float) -> None:
        self._session = session
        self._wait_seconds = wait_seconds
        self._opened: dict[Path | None, Repository] = {}
        self._locks: list[RepositoryLock] = []

    def at(self, path: Path | None) -> Repository:
        """The one at a path, or the configured one. Raises RepositoryMissing, NotARepository, RepositoryLocked."""
        if path not in self._opened:
            config, clock = self._session.config, self._session.clock
            unlock = configured_unlock(config, self._session.repository_passphrase)
            opened = Repository.open(path or config.repository.path, unlock=unlock, clock=clock)
            wait = self._wait_seconds
            self._locks.append(acquire(opened.backend, "shared", "diff", clock, wait_seconds=wait, optional=True))
            self._opened[path] = opened
        return self._opened[path]

    def still_locked(self) -> None:
        """Refresh the locks where it is time. Raises LockLost."""
        for lock in self._locks:
            lock.refresh_if_due()

    def close(self) -> None:
        for lock in self._locks:
            lock.release()


def _settled(sides: tuple[SideName, SideName], repositories: _Repositories) -> tuple[SideName, SideName]:
    """The sides with what `latest` means: where either names a canister, the newest backup that holds it."""
    left, right = sides
    return _with_set(left, right, repositories), _with_set(right, left, repositories)


def _with_set(side: SideName, other: SideName, repositories: _Repositories) -> SideName:
    if not isinstance(side, BackupSide) or side.backup != LATEST:
        return side
    if side.canister is not None:
        return replace(side, backup=find_set(repositories.at(None), LATEST, side.canister))
    if not isinstance(other, PathSide) and other.canister is not None:
        with suppress(UsageError):  # no backup holds it: whoever pairs the sides says so
            return replace(side, backup=find_set(repositories.at(None), LATEST, other.canister))
    return side


def _identity(config: Config, sides: Collection[SideName]) -> IdentityConfig | None:
    """Snapshots are read as by a backup; a canister is looked at as by the poller, or else the same way."""
    if any(isinstance(side, SnapshotSide) for side in sides):
        return config.require_identity("backup")
    return config.identity("poll") or config.identity("backup")


class _Connection:
    """One agent for both sides, made when the first of them needs it."""

    def __init__(self, session: Session, identity: IdentityConfig | None, resources: AsyncExitStack) -> None:
        self._session = session
        self._identity = identity
        self._resources = resources
        self._agent: Agent | None = None

    async def agent(self) -> Agent:
        if self._agent is None:
            from quri_console.service.connect import connect

            session = self._session
            made = await connect(session.network, self._identity, session.clock, passphrase=session.passphrase)
            self._agent = await self._resources.enter_async_context(made)
        return self._agent


def _resolve(config: Config, wanted: str) -> tuple[Principal, str]:
    """A canister of the fleet, or any other by its id. Raises UsageError."""
    try:
        known = config.canister(wanted)
    except UsageError:
        try:
            return parse_principal(wanted), wanted
        except InvalidPrincipal:
            pass
        raise
    return parse_principal(known.id), known.name
