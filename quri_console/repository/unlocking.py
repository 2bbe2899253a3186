"""Opening an encrypted repository: every secret that was given is tried against every way in.

New data is wrapped by the newest master key that every way holds, so that a rotation that was interrupted locks
nobody out. What this cannot know: whoever held the keys once and may write to the repository can put back old key
files; and an age recipient is public, so that whoever may write can replace the whole repository by another one that
this key opens, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from quri_console.errors import CorruptionError
from quri_console.repository import age
from quri_console.repository.backend import Backend
from quri_console.repository.errors import WrongKey
from quri_console.repository.key_file import KeyFile, decode_keys, id_key_id
from quri_console.repository.key_files import KeyDamage, KeyFiles, newest_of, read_key_files
from quri_console.repository.secret_files import Secrets
from quri_console.repository.store import RepositoryFacts, Unlock
from quri_console.repository.vault import EncryptedVault, Keyring, Randomness, Vault


@dataclass(frozen=True, slots=True)
class Unlocked:
    """An encrypted repository with its keys. `current` is the id of the master key that wraps new data keys."""

    keyring: Keyring
    current: bytes
    ways: tuple[KeyFile, ...]
    """The newest file of each way, all written by holders of the keys."""
    opened: tuple[str, ...]
    """Ids of the ways that the secrets opened."""
    passphrases: Mapping[str, str] = field(repr=False)
    """Of the opened passphrase ways, by id."""
    files: KeyFiles
    damage: tuple[KeyDamage, ...]


def unlock_with(secrets: Secrets, randomness: Randomness = os.urandom) -> Unlock:
    """What opens a repository by these secrets; it raises WrongKey naming the ways that there are."""

    def unlock(backend: Backend, facts: RepositoryFacts) -> Vault:
        unlocked = open_keys(backend, facts, secrets)
        return EncryptedVault(bytes.fromhex(facts.id), unlocked.keyring, unlocked.current, randomness)

    return unlock


def open_keys(
    backend: Backend, facts: RepositoryFacts, secrets: Secrets, *, every_passphrase: bool = False
) -> Unlocked:
    """The keys, and who else has them. Identities go first, because every try of a passphrase takes a second.

    `every_passphrase`: ask for that of each passphrase way, as a rotation needs it. Raises WrongKey, StorageFailed.
    """
    files = read_key_files(backend, facts.id)
    opening = _Opening(facts, secrets, files)
    opening.try_given(every_passphrase)
    opening.ask(every_passphrase)
    return opening.result()


class _Opening:
    """One attempt to open a repository."""

    def __init__(self, facts: RepositoryFacts, secrets: Secrets, files: KeyFiles) -> None:
        self._facts = facts
        self._secrets = secrets
        self._files = files
        self._keyrings: dict[str, Keyring] = {}
        self._passphrases: dict[str, str] = {}
        self._damage = list(files.damage)

    def try_given(self, every_passphrase: bool) -> None:
        for file in self._of_kind("recipient"):
            self._take(file, age.opened_by(file.armored, self._secrets.identities))
        for file in self._of_kind("passphrase"):
            if every_passphrase or not self._knows(file):
                self._try_passphrases(file, self._secrets.passphrases)

    def ask(self, every_passphrase: bool) -> None:
        """Ask for what is missing: any passphrase where nothing opened, each where all are needed."""
        ask = self._secrets.ask
        closed = newest_of(self._of_kind("passphrase"))
        if ask is None or not closed:
            return
        if every_passphrase:
            for file in closed:
                self._try_passphrases(file, (ask(file.way.label),))
        elif not self._keyrings:
            passphrase = ask(" / ".join(file.way.label for file in closed))
            for file in self._of_kind("passphrase"):
                self._try_passphrases(file, (passphrase,))

    def result(self) -> Unlocked:
        if not self._keyrings:
            raise _wrong_key(self._facts, self._secrets, self._files.newest(), self._damage)
        keyring = _merged(self._keyrings.values())
        genuine = []
        for file in self._files.readable:
            if file.is_genuine(keyring):
                genuine.append(file)
            else:
                self._spoilt(file, "No holder of the keys wrote it as it is.")
        ways = newest_of(genuine)
        return Unlocked(
            keyring=keyring,
            current=_current(keyring, ways),
            ways=ways,
            opened=tuple(self._keyrings),
            passphrases=self._passphrases,
            files=self._files,
            damage=tuple(self._damage),
        )

    def _of_kind(self, kind: str) -> Iterator[KeyFile]:
        """Files of ways that are not open yet, the newest of each first."""
        for file in self._files.readable:
            if file.way.kind == kind and file.way.id not in self._keyrings:
                yield file

    def _spoilt(self, file: KeyFile, why: str) -> None:
        if all(item.name != file.name for item in self._damage):
            self._damage.append(KeyDamage(file.name, why))

    def _knows(self, file: KeyFile) -> bool:
        return any(set(file.masters) <= set(keyring.masters) for keyring in self._keyrings.values())

    def _try_passphrases(self, file: KeyFile, passphrases: tuple[str, ...]) -> None:
        for passphrase in passphrases:
            if self._take(file, age.opened_with(file.armored, passphrase)):
                self._passphrases[file.way.id] = passphrase
                return

    def _take(self, file: KeyFile, plaintext: bytes | None) -> bool:
        """Keep the keys in a file that was opened, if they are this repository's."""
        if plaintext is None:
            return False
        try:
            keyring = decode_keys(plaintext, file)
        except CorruptionError as error:
            self._spoilt(file, error.why)
            return False
        if id_key_id(keyring.id_key) != self._facts.id_key_id or not file.is_genuine(keyring):
            self._spoilt(file, "The keys inside are not those of this repository.")
            return False
        self._keyrings[file.way.id] = keyring
        return True


def _merged(keyrings: Iterable[Keyring]) -> Keyring:
    """All keys of several files, which differ only while a rotation is unfinished."""
    largest_first = sorted(keyrings, key=lambda keyring: -len(keyring.masters))
    masters: dict[bytes, bytes] = {}
    for keyring in largest_first:
        for identifier, key in keyring.masters.items():
            masters.setdefault(identifier, key)
    return Keyring(largest_first[0].id_key, masters)


def _current(keyring: Keyring, ways: Iterable[KeyFile]) -> bytes:
    common = set(keyring.masters).intersection(*(file.masters for file in ways))
    for identifier in reversed(tuple(keyring.masters)):
        if identifier in common:
            return identifier
    raise CorruptionError(
        "The ways into the repository have no master key in common",
        why="Key files of different times were mixed.",
        next_step="`quri-console key list` shows the ways; remove the one that does not belong, with the secret of "
        "another.",
    )


def _wrong_key(
    facts: RepositoryFacts, secrets: Secrets, ways: Iterable[KeyFile], damage: Iterable[KeyDamage]
) -> WrongKey:
    given = "No key that was given opens" if secrets.given else "No key was given for"
    words = ", ".join(file.way.words for file in ways)
    broken = "; ".join(f"{item.name}: {item.why}" for item in damage)
    return WrongKey(
        f"{given} the repository {facts.id[:8]}, which is encrypted",
        why=" ".join(
            (
                f"Its ways in: {words}." if words else "No way in is left that can be read.",
                *((f"Not usable: {broken}",) if broken else ()),
            )
        ),
        next_step="Set `identity` or `passphrase_file` in [repository] of the configuration to one of these ways, or "
        "run it in a terminal and type the passphrase."
        if words
        else "Bring keys/ back from a copy of the repository.",
    )
