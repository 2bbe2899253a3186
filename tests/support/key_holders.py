"""People who have a key to an encrypted repository, and repositories that they share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from quri_console.clock import ManualClock
from quri_console.repository import age
from quri_console.repository.filesystem import FileSystem
from quri_console.repository.key_changes import create_encrypted, rotate
from quri_console.repository.key_file import KEYS_FOLDER
from quri_console.repository.local import LocalBackend
from quri_console.repository.secret_files import Secrets
from quri_console.repository.store import RepositoryFacts, read_facts
from quri_console.repository.unlocking import Unlocked, open_keys, unlock_with
from quri_console.repository.ways import NewWay, passphrase_way, recipient_way
from tests.support.kept_sets import START, KeptSets, nanoseconds
from tests.support.unsynced import UnsyncedFileSystem

PASSPHRASE = "a horse that staples batteries"
WORDS = {"alpha": "abc0d", "beta": "be"}
"""A set, as `KeptSets` writes it."""


@dataclass(frozen=True)
class Holder:
    """Somebody with a private key or passphrase: the way that lets them in, and what they open it with."""

    way: NewWay
    secrets: Secrets
    text: str = field(repr=False)
    """The secret itself, as its file holds it."""


def age_holder(label: str = "alice") -> Holder:
    """One with an age identity."""
    secret, recipient = age.new_identity()
    return Holder(recipient_way(recipient, label), Secrets(age.identities_in(secret.encode(), label)), secret)


def ssh_holder(kind: str, label: str = "sam") -> Holder:
    """One with an ssh key of kind `ed25519` or `rsa`."""
    key = Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    secrets = Secrets(age.identities_in(private, label))
    return Holder(recipient_way(f"{public} {label}@example"), secrets, private.decode())


def passphrase_holder(passphrase: str = PASSPHRASE, label: str = "") -> Holder:
    """One who knows a passphrase: slow, on purpose."""
    return Holder(passphrase_way(passphrase, label), Secrets(passphrases=(passphrase,)), passphrase)


HOLDERS: dict[str, Callable[[], Holder]] = {
    "age": age_holder,
    "ssh-ed25519": lambda: ssh_holder("ed25519"),
    "ssh-rsa": lambda: ssh_holder("rsa"),
    "passphrase": passphrase_holder,
}


def backend_at(root: Path, files: FileSystem | None = None) -> LocalBackend:
    """The repository in a folder, without waiting for the disk."""
    return LocalBackend(root, files or UnsyncedFileSystem())


def clock() -> ManualClock:
    """A clock that stands at the first day of `KeptSets`."""
    return ManualClock(nanoseconds(START))


def shared_repository(root: Path, *holders: Holder) -> KeptSets:
    """An empty encrypted repository that each of these opens; the first of them uses it."""
    create_encrypted(backend_at(root), [holder.way for holder in holders], clock())
    return KeptSets(root, unlock=unlock_with(holders[0].secrets))


def facts_at(root: Path) -> RepositoryFacts:
    """What the repository in a folder says of itself."""
    return read_facts(backend_at(root))


def opened(root: Path, secrets: Secrets) -> Unlocked:
    """The keys of the repository in a folder."""
    return open_keys(backend_at(root), facts_at(root), secrets)


def rotated(kept: KeptSets, secrets: Secrets, files: FileSystem | None = None) -> bool:
    """Rotate its master key; whether that finished an earlier rotation."""
    with kept.locked() as lock:
        return rotate(backend_at(kept.root, files), facts_at(kept.root), secrets, lock).finished_earlier


def key_paths(root: Path) -> tuple[Path, ...]:
    """The key files, sorted by name."""
    return tuple(sorted((root / KEYS_FOLDER).glob("*.key")))


def seen_by(kept: KeptSets, holder: Holder) -> KeptSets:
    """The same repository as somebody else opens it."""
    return dataclasses.replace(kept, unlock=unlock_with(holder.secrets))


def assert_whole(kept: KeptSets) -> None:
    """Every set is read, and has the words that were written."""
    assert {name: kept.read(name) for name in kept.words} == kept.words
