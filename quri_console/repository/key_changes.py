"""Making and changing the ways into an encrypted repository. Key files are write-once: a new generation, then the old
one is deleted, so that an interruption anywhere leaves every way open and is finished by doing it again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from quri_console.clock import Clock, SystemClock, utc_datetime
from quri_console.errors import CorruptionError, LockedError, RefusedBySafetyRule, UsageError
from quri_console.repository.age import canonical_recipient, shortened
from quri_console.repository.backend import Backend
from quri_console.repository.errors import NotARepository, RepositoryMissing
from quri_console.repository.index import PACKS_FOLDER
from quri_console.repository.key_file import (
    KEYS_FOLDER,
    WAY_ID_BYTES,
    Way,
    encode_key_file,
    id_key_id,
    key_file_name,
    parsed_name,
)
from quri_console.repository.locks import RepositoryLock
from quri_console.repository.secret_files import Secrets
from quri_console.repository.store import RepositoryFacts, create_repository, read_facts
from quri_console.repository.unlocking import Unlocked, open_keys
from quri_console.repository.vault import KEY_BYTES, MASTER_ID_BYTES, Keyring, Randomness
from quri_console.repository.ways import NewWay

SHORTEST_WAY_PREFIX = 4
_RECIPIENT_BEGINNINGS = ("age1", "ssh-")
ROTATE_ADVICE = (
    "Whoever had it may have copied the keys: `quri-console key rotate` keeps what is written from now on from them; "
    "what was written before can be kept from them only by a new repository."
)
ARCHIVES_ADVICE = (
    "Archives made before still open with it, because each keeps the key files of its day: after `quri-console key "
    "rotate` seal anew what must not (`quri-console archive`), and delete the old ones."
)


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did: the ways that got new key files, and whether it finished one that was interrupted."""

    ways: tuple[Way, ...]
    finished_earlier: bool


@dataclass(frozen=True, slots=True)
class RemovedWay:
    """A way in that is gone, and who is left. `way` is None when only damaged files of it were there."""

    id: str
    way: Way | None
    remaining: tuple[Way, ...]


def create_encrypted(
    backend: Backend, ways: Sequence[NewWay], clock: Clock | None = None, randomness: Randomness = os.urandom
) -> RepositoryFacts:
    """Make an empty encrypted repository that each of these ways opens; nobody else may make one there meanwhile.

    Key files come first and `repository.toml` last: interrupted in between there is no repository, and the next
    attempt begins anew. Raises UsageError when there is one already or no way was named, NotARepository,
    StorageFailed, DiskFull.
    """
    clock = clock or SystemClock()
    if not ways:
        raise UsageError("An encrypted repository needs a way in", next_step="Name a recipient or a passphrase.")
    _require_nothing_there(backend)
    for entry in tuple(backend.list(KEYS_FOLDER)):
        backend.delete(entry.name)
    identifier = randomness(16)
    keyring = Keyring(randomness(KEY_BYTES), {randomness(MASTER_ID_BYTES): randomness(KEY_BYTES)})
    for new in _distinct(ways):
        _put_way(backend, identifier.hex(), new, keyring, clock, randomness)
    return create_repository(
        backend,
        encryption="aes-256-gcm",
        id_key_id=id_key_id(keyring.id_key),
        identifier=identifier,
        clock=clock,
        randomness=randomness,
    )


def add_way(
    backend: Backend,
    facts: RepositoryFacts,
    secrets: Secrets,
    new: NewWay,
    clock: Clock | None = None,
    randomness: Randomness = os.urandom,
) -> Way:
    """One more way in, which opens everything that is there; a lock must be held.

    Raises WrongKey, UsageError for a recipient that has one already, RefusedBySafetyRule, StorageFailed, DiskFull.
    """
    unlocked = open_keys(backend, facts, secrets)
    _require_all_masters(unlocked)
    for file in unlocked.ways:
        if new.recipient and file.way.recipient == new.recipient:
            raise UsageError(
                f"{file.way.words} is a way in already", next_step="`quri-console key list` shows the ways."
            )
    return _put_way(backend, facts.id, new, unlocked.keyring, clock or SystemClock(), randomness)


def remove_way(
    backend: Backend, facts: RepositoryFacts, secrets: Secrets, which: str, lock: RepositoryLock
) -> RemovedWay:
    """Delete the key files of a way named by its id, how that begins, its label or its recipient. The newest goes last.

    It keeps nobody out who has copied the keys, and closes no archive: see ROTATE_ADVICE and ARCHIVES_ADVICE.
    Raises RefusedBySafetyRule for the last way, UsageError when none or several are called so, WrongKey,
    StorageFailed.
    """
    _require_exclusive(lock)
    unlocked = open_keys(backend, facts, secrets)
    way_id = _found(unlocked, which)
    remaining = tuple(file.way for file in unlocked.ways if file.way.id != way_id)
    if not remaining:
        raise RefusedBySafetyRule(
            "It is the last way into the repository",
            why="Without it nobody could ever read the backups again.",
            next_step="Add another one first: `quri-console key add`.",
        )
    for name in unlocked.files.names_of(way_id):
        lock.refresh_if_due()
        backend.delete(name)
    removed = next((file.way for file in unlocked.ways if file.way.id == way_id), None)
    return RemovedWay(way_id, removed, remaining)


def rotate(
    backend: Backend,
    facts: RepositoryFacts,
    secrets: Secrets,
    lock: RepositoryLock,
    randomness: Randomness = os.urandom,
) -> Rotated:
    """A new master key for whatever is written from now on, given to every way; dedup goes on as before.

    A rotation that was interrupted is finished instead. The passphrase of every passphrase way is needed. Raises
    RefusedBySafetyRule when one is missing, or when a damaged key file would be left behind; WrongKey, StorageFailed,
    DiskFull.
    """
    _require_exclusive(lock)
    unlocked = open_keys(backend, facts, secrets, every_passphrase=True)
    _require_no_damage(unlocked)
    _require_all_masters(unlocked)
    _require_passphrases(unlocked)
    finishes = _is_unfinished(unlocked)
    keyring = unlocked.keyring
    if not finishes:
        keyring = Keyring(keyring.id_key, {**keyring.masters, randomness(MASTER_ID_BYTES): randomness(KEY_BYTES)})
    # our own ways first: interrupted right after, the same secret still finds all keys when it finishes this
    ordered = sorted(unlocked.ways, key=lambda file: file.way.id not in unlocked.opened)
    written = [file for file in ordered if set(file.masters) != set(keyring.masters)]
    for file in written:
        lock.refresh_if_due()
        passphrase = unlocked.passphrases.get(file.way.id, "")
        _put(backend, facts.id, file.way, file.generation + 1, keyring, passphrase)
    for file in ordered:
        newest = file.generation + (1 if file in written else 0)
        _delete_older(backend, unlocked, file.way.id, newest)
    return Rotated(tuple(file.way for file in ordered), finishes)


def _require_nothing_there(backend: Backend) -> None:
    try:
        read_facts(backend)
    except RepositoryMissing:
        pass
    else:
        raise UsageError(
            f"There is a repository at {backend.location} already", next_step="`quri-console list` shows what it holds."
        )
    if backend.folders(PACKS_FOLDER):
        raise NotARepository(
            f"{backend.location} holds packs, but no repository.toml",
            why="The file was lost; without it, and the key files beside it, the packs are unreadable.",
            next_step="Bring repository.toml back from a copy, or make the repository at another place.",
        )


def _distinct(ways: Sequence[NewWay]) -> tuple[NewWay, ...]:
    kept: dict[tuple[str, str], NewWay] = {}
    for way in ways:
        kept.setdefault((way.recipient, way.passphrase), way)
    return tuple(kept.values())


def _put_way(
    backend: Backend, repository_id: str, new: NewWay, keyring: Keyring, clock: Clock, randomness: Randomness
) -> Way:
    created: datetime = utc_datetime(clock.now_ns()).replace(microsecond=0)
    way = Way(randomness(WAY_ID_BYTES).hex(), new.label, new.recipient, created)
    _put(backend, repository_id, way, 1, keyring, new.passphrase)
    return way


def _put(backend: Backend, repository_id: str, way: Way, generation: int, keyring: Keyring, passphrase: str) -> None:
    name = key_file_name(way.id, generation)
    data = encode_key_file(repository_id, way, generation, keyring, passphrase)
    if not backend.put_if_absent(name, data):
        raise LockedError(
            f"{name} was written by somebody else at the same time", next_step="Look at `key list`, then try again."
        )
    if backend.get(name) != data:
        raise CorruptionError(
            f"{name} did not read back as it was written",
            why="The disk, or this machine's memory, makes mistakes.",
            next_step="The key files before it are as they were. Check the disk, then try again.",
        )


def _delete_older(backend: Backend, unlocked: Unlocked, way_id: str, newest: int) -> None:
    for name in unlocked.files.names_of(way_id):
        place = parsed_name(name)
        if place is not None and place[1] < newest:
            backend.delete(name)


def _is_unfinished(unlocked: Unlocked) -> bool:
    """Whether a rotation was cut off: a way has not got all keys, or an older generation was not deleted yet."""
    everything = set(unlocked.keyring.masters)
    return any(
        set(file.masters) != everything or len(unlocked.files.names_of(file.way.id)) > 1 for file in unlocked.ways
    )


def _require_exclusive(lock: RepositoryLock) -> None:
    if lock.info is None or lock.info.kind != "exclusive":
        raise ValueError("key files are deleted under the exclusive lock only")


def _require_no_damage(unlocked: Unlocked) -> None:
    for damage in unlocked.damage:
        place = parsed_name(damage.name)
        if place is not None:
            raise RefusedBySafetyRule(
                f"{damage.name} cannot be used, so its way in would be left behind",
                why=damage.why,
                next_step="Bring the file back from a copy of the repository, or remove that way: "
                f"`quri-console key remove {place[0]}`.",
            )


def _require_all_masters(unlocked: Unlocked) -> None:
    known = set(unlocked.keyring.masters)
    for file in unlocked.ways:
        if not known.issuperset(file.masters):
            raise RefusedBySafetyRule(
                f"{file.way.words} has a master key that the way you came by has not",
                why="A rotation was interrupted before it reached yours.",
                next_step="Finish it by `quri-console key rotate` with the secret of the former.",
            )


def _require_passphrases(unlocked: Unlocked) -> None:
    for file in unlocked.ways:
        if file.way.kind == "passphrase" and file.way.id not in unlocked.passphrases:
            raise RefusedBySafetyRule(
                f"A rotation needs the passphrase of {file.way.words}",
                why="Its key file can only be written anew with it.",
                next_step="Give it with --passphrase-file, or remove that way: "
                f"`quri-console key remove {file.way.id}`.",
            )


def _found(unlocked: Unlocked, which: str) -> str:
    """The id of the way that is called so; ways of which only damaged files are left go by their ids."""
    ids = {place[0] for name in unlocked.files.names if (place := parsed_name(name))}
    if which in ids:
        return which
    recipient = _as_recipient(which)
    found = {file.way.id for file in unlocked.ways if _is_called(file.way, which, recipient)}
    if len(which) >= SHORTEST_WAY_PREFIX:
        found |= {way_id for way_id in ids if way_id.startswith(which)}
    if len(found) == 1:
        return found.pop()
    if found:
        raise UsageError(
            f"{which!r} is not one way in but several: {', '.join(sorted(found))}", next_step="Name one by its id."
        )
    raise UsageError(f"No way in is called {which!r}", next_step="`quri-console key list` shows them with their ids.")


def _is_called(way: Way, which: str, recipient: str) -> bool:
    if which == way.label:
        return True
    # in full, or as `key list` shows it
    return bool(way.recipient) and (way.recipient == recipient or shortened(way.recipient) == which)


def _as_recipient(text: str) -> str:
    """The recipient that a text is, without its comment; empty when it is none."""
    if not text.startswith(_RECIPIENT_BEGINNINGS):
        return ""
    try:
        return canonical_recipient(text)[0]
    except UsageError:
        return ""
