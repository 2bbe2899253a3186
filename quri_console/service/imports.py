"""Imports as the operator asks for them: whose copy it is, on which network, and the repository they go into."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from quri_console.backup.import_archive import import_archive_file
from quri_console.backup.import_backup import (
    Imported,
    Owner,
    Target,
    import_directory,
    import_old_set,
    remove_interrupted,
)
from quri_console.backup.import_legacy import import_legacy
from quri_console.backup.import_sources import ImportSource, SourceKind, find_sources
from quri_console.backup.manifest import NetworkOrigin
from quri_console.config import NetworkConfig
from quri_console.errors import CorruptionError, NetworkError, QuriError, UsageError
from quri_console.ic.certificates import MAINNET_ROOT_KEY_DER
from quri_console.ic.encoding.principal import InvalidPrincipal, Principal, parse_principal
from quri_console.progress import NoProgress, Progress
from quri_console.repository.errors import NewerFormat, RepositoryMissing, WrongKey
from quri_console.repository.homes import require_only_home
from quri_console.repository.local import LocalBackend
from quri_console.repository.locks import acquire
from quri_console.repository.store import Repository, create_repository
from quri_console.service.connect import root_key_of
from quri_console.service.import_ends import ImportEnd, ended_import
from quri_console.service.operations import require_writable_session
from quri_console.service.repositories import configured_unlock, open_repository
from quri_console.service.session import Session

SCRATCH_FOLDER = "imports"
"""Below the cache: where legacy archives are unpacked meanwhile."""
MAINNET = "ic"
"""What every tool calls mainnet."""


@dataclass(frozen=True, slots=True)
class ImportWishes:
    """What the operator said of the sources. `canister` is an id, or a name of the configuration.

    `canister` and `name` are of a snapshot directory, `taken_at` of anything but an archive, each of an only one;
    `network` is of those that do not say theirs.
    """

    canister: str | None = None
    name: str | None = None
    network: str | None = None
    taken_at: datetime | None = None

    def require_fitting(self, sources: Sequence[ImportSource]) -> None:
        """Raise UsageError where something was said that cannot be meant for these sources."""
        given = {"--canister": self.canister, "--name": self.name, "--taken-at": self.taken_at}
        said = [option for option, value in given.items() if value is not None]
        if said and len(sources) > 1:
            raise UsageError(
                f"{said[0]} is of one backup, and these are {len(sources)}",
                next_step="Import them one by one; a folder that is called like its canister needs no --canister.",
            )
        for source in sources:
            wrong = [option for option in said if source.kind not in _TAKEN_BY[option]]
            if wrong:
                raise UsageError(
                    f"{wrong[0]} has no meaning for {source.path}", why=f"The {source.kind} says it itself."
                )


_TAKEN_BY: dict[str, tuple[SourceKind, ...]] = {
    "--canister": ("snapshot directory",),
    "--name": ("snapshot directory",),
    "--taken-at": ("snapshot directory", "old set", "legacy backup"),
}


@dataclass(frozen=True, slots=True)
class NotImported:
    """A source that could not be imported, and why."""

    path: Path
    error: QuriError


def import_backups(
    session: Session, paths: Sequence[Path], wishes: ImportWishes, progress: Progress | None = None
) -> Iterator[ImportEnd | NotImported]:
    """Import what lies at the paths, one source after the other; a faulty one leaves the others alone.

    The repository is made in the clear when there is none. To be called outside of any event loop, because a local
    network may have to be asked for its root key. Raises UsageError, RefusedBySafetyRule, RepositoryLocked, WrongKey,
    StorageFailed, DiskFull.
    """
    require_writable_session(session, "import")
    sources = tuple(dict.fromkeys(source for path in paths for source in find_sources(path)))
    wishes.require_fitting(sources)
    repository = _target_repository(session)
    with acquire(repository.backend, "shared", f"import {paths[0].name}", session.clock) as lock:
        remove_interrupted(repository)
        level = session.config.repository.compression_level
        cache = session.config.paths.cache
        target = Target(repository, cache, level, progress or NoProgress(), lock.refresh_if_due)
        work = _Importing(session, wishes, target)
        for source in sources:
            try:
                yield work.ended(source)
            except (CorruptionError, UsageError, NewerFormat, NetworkError, WrongKey) as error:
                yield NotImported(source.path, error)


def _target_repository(session: Session) -> Repository:
    def opened() -> Repository:
        return open_repository(session.config, session.clock, ask_passphrase=session.repository_passphrase)

    try:
        repository = opened()
    except RepositoryMissing:
        create_repository(LocalBackend(session.config.repository.path), clock=session.clock)
        repository = opened()
    require_only_home(session.config.paths.cache, repository.id, repository.backend.location)
    _ = repository.vault  # a key that is missing is told before anything is read
    return repository


@dataclass(frozen=True, slots=True)
class _Importing:
    """One run over several sources."""

    session: Session
    wishes: ImportWishes
    target: Target

    def ended(self, source: ImportSource) -> ImportEnd:
        """Import one, and say what it took. Raises as the imports of its kind."""
        repository, clock = self.target.repository, self.session.clock
        packs, started = set(repository.index.packs), clock.monotonic()
        done = self.run(source)
        seconds = clock.monotonic() - started
        return ended_import(done, source, repository, packs, taken_at=self.wishes.taken_at, duration_seconds=seconds)

    def run(self, source: ImportSource) -> Imported:
        """Import one. Raises as the imports of its kind."""
        taken_at = self.wishes.taken_at
        if source.kind == "snapshot directory":
            return import_directory(source, self._owner(source), self.target, taken_at=taken_at)
        if source.kind == "old set":
            return import_old_set(source, self.target, taken_at=taken_at)
        if source.kind == "archive":
            unlock = configured_unlock(self.session.config, self.session.repository_passphrase)
            return import_archive_file(source, self.target, unlock=unlock)
        from quri_console.repository.scratch import scratch_folder

        with scratch_folder(self.session.config.paths.cache / SCRATCH_FOLDER) as scratch:
            return import_legacy(
                source,
                self.target,
                origin_of=self._origin,
                resolve=self._resolved,
                scratch=scratch,
                taken_at=taken_at,
            )

    def _owner(self, source: ImportSource) -> Owner:
        wanted = self.wishes.canister or source.name
        canister = self._resolved(wanted) or _principal(wanted)
        if canister is None:
            raise UsageError(
                f"Whose snapshot {source.path} is cannot be told",
                why=f"{wanted} is neither the id of a canister nor a name in {self.session.config.path}.",
                next_step="Give the id by --canister.",
            )
        return Owner(canister, self.wishes.name or self._name_of(canister, wanted), self._origin(None))

    def _resolved(self, name: str) -> Principal | None:
        """The id of the canister that the configuration calls so."""
        for canister in self.session.config.canisters:
            if name in (canister.name, canister.id):
                return parse_principal(canister.id)
        return None

    def _name_of(self, canister: Principal, wanted: str) -> str:
        known = (one.name for one in self.session.config.canisters if one.id == canister.to_str())
        return next(known, wanted)

    def _origin(self, called: str | None) -> NetworkOrigin:
        """The network of a source that calls it so, or does not say."""
        name = self.wishes.network or called
        network = self.session.network
        if name is not None and name != network.name:
            found = [one for one in self.session.config.networks if one.name == name]
            if not found and name == MAINNET:
                return NetworkOrigin(name, hashlib.sha256(MAINNET_ROOT_KEY_DER).digest())
            if not found:
                known = ", ".join(one.name for one in self.session.config.networks)
                raise UsageError(
                    f"The configuration has no network {name}",
                    why=f"It knows {known}; whether the backup is of one of these cannot be told.",
                    next_step="Give the network that it was taken on by --network.",
                )
            network = found[0]
        return NetworkOrigin(network.name, hashlib.sha256(_root_key(network)).digest())


def _root_key(network: NetworkConfig) -> bytes:
    return asyncio.run(root_key_of(network))


def _principal(text: str) -> Principal | None:
    try:
        return parse_principal(text)
    except InvalidPrincipal:
        return None
