"""Making the configured repository, and the ways into an encrypted one: each under the lock that it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from quri_console.errors import UsageError
from quri_console.repository.backend import Backend
from quri_console.repository.errors import RepositoryMissing
from quri_console.repository.key_changes import RemovedWay, Rotated, add_way, create_encrypted, remove_way, rotate
from quri_console.repository.key_file import Way
from quri_console.repository.key_files import WaysListed, list_ways
from quri_console.repository.local import LocalBackend
from quri_console.repository.locks import LockKind, RepositoryLock, acquire
from quri_console.repository.recovery_kit import RecoveryKit, make_recovery_kit
from quri_console.repository.secret_files import Secrets
from quri_console.repository.store import RepositoryFacts, create_repository, read_facts
from quri_console.repository.unlocking import open_keys
from quri_console.repository.ways import NewWay
from quri_console.service.repositories import configured_secrets
from quri_console.service.session import Session


@dataclass(frozen=True, slots=True)
class KeyAccess:
    """What opens the repository for a change of its keys: files given instead of the configured ones, or a person.

    `ask` is told the label of the way whose passphrase it asks for; `wait_seconds` is how long to wait for the lock.
    """

    identity: Path | None = None
    passphrase_files: tuple[Path, ...] = ()
    ask: Callable[[str], str] | None = None
    wait_seconds: float = 0.0


def init_repository(session: Session, ways: Sequence[NewWay]) -> RepositoryFacts:
    """Make the configured repository, encrypted for these ways, in the clear without any.

    Raises UsageError when there is one already, NotARepository, StorageFailed, DiskFull.
    """
    backend = _backend(session)
    try:
        read_facts(backend)
    except RepositoryMissing:
        pass
    else:
        raise UsageError(
            f"There is a repository at {backend.location} already", next_step="`quri-console list` shows what it holds."
        )
    with acquire(backend, "exclusive", "init", session.clock):
        if ways:
            return create_encrypted(backend, ways, session.clock)
        return create_repository(backend, clock=session.clock)


def key_ways(session: Session) -> tuple[RepositoryFacts, WaysListed]:
    """Who can open the configured repository; nobody in particular where it is in the clear. No key is needed.

    Raises RepositoryMissing, CorruptionError, StorageFailed.
    """
    backend = _backend(session)
    facts = read_facts(backend)
    if facts.encryption == "none":
        return facts, WaysListed((), ())
    return facts, list_ways(backend, facts)


def add_key_ways(session: Session, ways: Sequence[NewWay], access: KeyAccess) -> tuple[Way, ...]:
    """Let others in, too. Raises what `add_way` raises, RepositoryLocked."""
    backend, facts, secrets = _opened(session, access)
    with _locked(session, backend, "shared", "key add", access):
        return tuple(add_way(backend, facts, secrets, way, session.clock) for way in ways)


def remove_key_way(session: Session, which: str, access: KeyAccess) -> RemovedWay:
    """Take a way in away, named by its id, how that begins, or its label. Raises what `remove_way` raises."""
    backend, facts, secrets = _opened(session, access)
    with _locked(session, backend, "exclusive", "key remove", access) as lock:
        return remove_way(backend, facts, secrets, which, lock)


def rotate_keys(session: Session, access: KeyAccess) -> Rotated:
    """A new master key for what is written from now on. Raises what `rotate` raises, RepositoryLocked."""
    backend, facts, secrets = _opened(session, access, every_passphrase=True)
    with _locked(session, backend, "exclusive", "key rotate", access) as lock:
        return rotate(backend, facts, secrets, lock)


def recovery_kit(session: Session, access: KeyAccess) -> RecoveryKit:
    """A page to print with a secret of its own. Raises what `make_recovery_kit` raises, RepositoryLocked."""
    backend, facts, secrets = _opened(session, access)
    with _locked(session, backend, "shared", "key recovery-kit", access):
        return make_recovery_kit(backend, facts, secrets, session.clock)


def _backend(session: Session) -> LocalBackend:
    return LocalBackend(session.config.repository.path)


def _opened(
    session: Session, access: KeyAccess, *, every_passphrase: bool = False
) -> tuple[LocalBackend, RepositoryFacts, Secrets]:
    """The repository and secrets that open it, asked for now, because nobody is asked while a lock is held."""
    backend = _backend(session)
    facts = read_facts(backend)
    if facts.encryption == "none":
        raise UsageError(
            f"The repository at {backend.location} is in the clear, so it has no keys",
            next_step="An encrypted one is made at another [repository] path: `quri-console init --recipient age1…`.",
        )
    secrets = configured_secrets(
        session.config, access.ask, identity=access.identity, passphrase_files=access.passphrase_files
    )
    if secrets.ask is not None:
        typed = open_keys(backend, facts, secrets, every_passphrase=every_passphrase).passphrases
        secrets = replace(secrets, passphrases=tuple({*secrets.passphrases, *typed.values()}), ask=None)
    return backend, facts, secrets


def _locked(session: Session, backend: Backend, kind: LockKind, holder: str, access: KeyAccess) -> RepositoryLock:
    return acquire(backend, kind, holder, session.clock, wait_seconds=access.wait_seconds)
