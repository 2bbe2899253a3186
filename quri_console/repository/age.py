"""The few things that the repository needs of age: recipients, identities, and texts that either of them opens."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from quri_console.errors import UsageError

RECIPIENTS_ALLOWED = "Allowed: an age recipient (age1…), or a public key of kind ssh-ed25519 or ssh-rsa."
_SECRET_KEY = b"AGE-SECRET-KEY-1"


class UnusableIdentity(UsageError):
    """The file holds no private key that age can use."""


class Identity:
    """A private key that opens what was sealed to its recipient; shows itself nowhere."""

    __slots__ = ("_key",)

    def __init__(self, key: Any) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "Identity(…)"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("an identity is not copied to other processes")


def _pyrage() -> Any:
    import pyrage  # type: ignore[import-untyped]

    return pyrage


def new_identity() -> tuple[str, str]:
    """A fresh X25519 identity: its secret text (`AGE-SECRET-KEY-1…`) and its recipient (`age1…`)."""
    identity = _pyrage().x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def canonical_recipient(text: str) -> tuple[str, str]:
    """A recipient without its comment, and the comment (of an ssh key; empty otherwise). Raises UsageError."""
    kind, _, rest = text.strip().partition(" ")
    key, _, comment = rest.strip().partition(" ")
    recipient = f"{kind} {key}" if key else kind
    _parsed(recipient)
    return recipient, comment.strip()


def shortened(recipient: str) -> str:
    """A recipient as it is shown where there is little room: its beginning and its end."""
    return recipient if len(recipient) <= 24 else f"{recipient[:12]}…{recipient[-8:]}"


def _parsed(recipient: str) -> Any:
    pyrage = _pyrage()
    if recipient.startswith("AGE-SECRET-KEY-"):
        raise UsageError(
            "That is the secret of an age identity, not its recipient",
            next_step="Give the line that begins with age1; `age-keygen -y FILE` prints it.",
        )
    kind = pyrage.x25519.Recipient if recipient.startswith("age1") else pyrage.ssh.Recipient
    try:
        return kind.from_str(recipient)
    except pyrage.RecipientError:
        shown = recipient if len(recipient) <= 40 else f"{recipient[:40]}…"
        raise UsageError(f"{shown!r} is no recipient", next_step=RECIPIENTS_ALLOWED) from None


def identities_in(data: bytes, origin: str) -> tuple[Identity, ...]:
    """The identities of an age identity file, or the one of an ssh private key. Raises UnusableIdentity.

    No error shows a byte of `data`; `origin` names the file.
    """
    if b"-----BEGIN AGE ENCRYPTED FILE-----" in data or data.startswith(b"age-encryption.org/"):
        raise UnusableIdentity(
            f"{origin} is an encrypted identity file",
            next_step="Decrypt it with age to a file that only you can read (chmod 600), and name that one.",
        )
    if b"-----BEGIN " in data:
        return (_ssh_identity(data, origin),)
    lines = [line.strip() for line in data.splitlines()]
    secrets = [line for line in lines if line and not line.startswith(b"#")]
    if not secrets:
        raise UnusableIdentity(f"{origin} holds no identity", next_step="`age-keygen -o FILE` makes one.")
    return tuple(_age_identity(line, origin) for line in secrets)


def _age_identity(line: bytes, origin: str) -> Identity:
    pyrage = _pyrage()
    if line.startswith(_SECRET_KEY):
        try:
            return Identity(pyrage.x25519.Identity.from_str(line.decode("ascii", "replace")))
        except pyrage.IdentityError:
            pass
    raise UnusableIdentity(
        f"{origin} holds a line that is no age identity",
        why="Each line must begin with AGE-SECRET-KEY-1 (plugins are not supported), or with # as a comment.",
        next_step="Compare it with the original; a mistyped character is found by the text's own checksum.",
    ) from None


def _ssh_identity(data: bytes, origin: str) -> Identity:
    pyrage = _pyrage()
    try:
        return Identity(pyrage.ssh.Identity.from_buffer(data))
    except pyrage.IdentityError as error:
        encrypted = "decrypted" in str(error)
    raise UnusableIdentity(
        f"{origin} is an ssh key under a passphrase" if encrypted else f"{origin} is no ssh key that age can use",
        why="" if encrypted else "Keys of kind ssh-ed25519 and ssh-rsa are.",
        next_step="Add an age identity of its own as a way in (`age-keygen -o FILE`, then `quri-console key add "
        "--recipient age1…`), or name a copy of the key without passphrase that only you can read.",
    )


def sealed_to(recipient: str, data: bytes) -> str:
    """An armored age text that the recipient's identity opens. Raises UsageError."""
    return _text(_pyrage().encrypt(data, [_parsed(recipient)], armored=True))


def sealed_with(passphrase: str, data: bytes) -> str:
    """An armored age text that a passphrase opens; scrypt makes this take a second or more, and hundreds of MiB."""
    return _text(_pyrage().passphrase.encrypt(data, _composed(passphrase), armored=True))


def opened_by(armored: str, identities: Sequence[Identity]) -> bytes | None:
    """What an age text holds, if one of the identities opens it."""
    pyrage = _pyrage()
    if not identities:
        return None
    try:
        return bytes(pyrage.decrypt(armored.encode(), [identity._key for identity in identities]))
    except pyrage.DecryptError:
        return None


def opened_with(armored: str, passphrase: str) -> bytes | None:
    """What an age text holds, if the passphrase opens it; takes about a second."""
    pyrage = _pyrage()
    try:
        return bytes(pyrage.passphrase.decrypt(armored.encode(), _composed(passphrase)))
    except pyrage.DecryptError:
        return None


def _composed(passphrase: str) -> str:
    # the same accented letter comes as one character from one keyboard and as two from another
    return unicodedata.normalize("NFC", passphrase)


def _text(armored: bytes) -> str:
    return bytes(armored).decode("ascii")
