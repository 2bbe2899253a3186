"""The repository of a configuration, opened; what opens an encrypted one comes from there, too, or from a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.clock import Clock
from quri_console.config import Config
from quri_console.errors import QuriError
from quri_console.repository.backend import Backend
from quri_console.repository.errors import WrongKey
from quri_console.repository.local import LocalBackend
from quri_console.repository.store import Repository, RepositoryFacts, Unlock, read_facts
from quri_console.repository.vault import Vault

if TYPE_CHECKING:
    from quri_console.repository.secret_files import Secrets


def open_repository(
    config: Config, clock: Clock | None = None, *, ask_passphrase: Callable[[], str] | None = None
) -> Repository:
    """The configured repository; an encrypted one asks for its key when the first byte of a canister is needed.

    `ask_passphrase` is called only when no file of the configuration opens it, and must remember the answer. Raises
    RepositoryMissing, NotARepository, NewerFormat, CorruptionError.
    """
    return Repository.open(config.repository.path, unlock=configured_unlock(config, ask_passphrase), clock=clock)


def configured_unlock(config: Config, ask_passphrase: Callable[[], str] | None = None) -> Unlock:
    """What opens the configured repository; the files are read when it is called. Raises as `configured_secrets`."""

    def unlock(backend: Backend, facts: RepositoryFacts) -> Vault:
        from quri_console.repository.unlocking import unlock_with

        ask = None if ask_passphrase is None else lambda _labels: ask_passphrase()
        return unlock_with(configured_secrets(config, ask))(backend, facts)

    return unlock


def configured_secrets(
    config: Config,
    ask: Callable[[str], str] | None = None,
    *,
    identity: Path | None = None,
    passphrase_files: tuple[Path, ...] = (),
) -> Secrets:
    """The secrets in the configured files, and in others given instead of them.

    Raises UsageError, UnusableIdentity, and RefusedBySafetyRule for a file that others may read.
    """
    from quri_console.repository.secret_files import read_secrets

    identity = identity or config.repository.identity
    configured = config.repository.passphrase_file
    passphrase_files = passphrase_files or (() if configured is None else (configured,))
    return read_secrets(() if identity is None else (identity,), passphrase_files, ask)


def passphrase_for_runner(
    config: Config, ask_passphrase: Callable[[], str] | None, *, required: bool = True
) -> str | None:
    """The passphrase that a runner needs to open the configured repository; None where it can do so by itself.

    It is tried here, because the runner has nobody to ask again. Raises WrongKey, also where nobody can be asked
    and it is `required`, and as `configured_secrets`.
    """
    backend = LocalBackend(config.repository.path)
    try:
        facts = read_facts(backend)
    except QuriError:
        return None  # none yet, or damaged: the runner says so where it matters
    if facts.encryption == "none":
        return None
    from quri_console.repository.unlocking import open_keys

    secrets = configured_secrets(config)
    try:
        open_keys(backend, facts, secrets)
    except WrongKey:
        if ask_passphrase is None and required:
            raise
    else:
        return None
    if ask_passphrase is None:
        return None
    passphrase = ask_passphrase()
    open_keys(backend, facts, replace(secrets, passphrases=(passphrase,)))
    return passphrase
