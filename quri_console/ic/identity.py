"""Who signs: a private key from a PEM file, or the anonymous caller.

A key shows itself nowhere: repr and errors carry the principal or the path, never key material or a passphrase.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from quri_console.errors import RefusedBySafetyRule
from quri_console.ic.encoding.principal import ANONYMOUS, Principal, self_authenticating
from quri_console.ic.private_keys import KeyFileError, PrivateKey, private_key_from_pem

MAX_FILE_BYTES = 1 << 16

_SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Identity(Protocol):
    """Whoever calls the network."""

    @property
    def sender(self) -> Principal:
        """The caller's principal."""

    @property
    def public_key_der(self) -> bytes | None:
        """The DER-encoded public key; None for the anonymous caller."""

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of `message`; raises TypeError for the anonymous caller."""


class AnonymousIdentity:
    """The caller without a key."""

    sender: Principal = ANONYMOUS
    public_key_der: bytes | None = None

    def sign(self, message: bytes) -> bytes:
        raise TypeError("the anonymous caller has no key to sign with")

    def __repr__(self) -> str:
        return f"AnonymousIdentity({self.sender.to_str()})"


class KeyIdentity:
    """The owner of a private key: Ed25519, ECDSA over secp256k1 or ECDSA over P-256."""

    __slots__ = ("_key", "public_key_der", "sender")

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self.public_key_der: bytes | None = key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        assert self.public_key_der is not None
        self.sender = self_authenticating(self.public_key_der)

    def sign(self, message: bytes) -> bytes:
        """The signature in the form of the interface specification, "Signatures": ECDSA as r ‖ s over SHA-256."""
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(message)
        r, s = decode_dss_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        if isinstance(self._key.curve, ec.SECP256K1):
            s = min(s, _SECP256K1_ORDER - s)  # verifiers of this curve may insist on the lower of the two
        return r.to_bytes(32) + s.to_bytes(32)

    def __repr__(self) -> str:
        return f"KeyIdentity({self.sender.to_str()})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("an identity is not copied to other processes")


def identity_from_pem(pem: bytes, passphrase: Callable[[], str] | None = None) -> Identity:
    """The identity of a PEM-encoded private key; `passphrase` is asked only if the key is encrypted.

    Raises KeyFileError, PassphraseNeeded or WrongPassphrase.
    """
    return KeyIdentity(private_key_from_pem(pem, passphrase))


def load_identity(path: Path, passphrase: Callable[[], str] | None = None) -> Identity:
    """The identity of a PEM file that only its owner can read.

    Raises RefusedBySafetyRule for a file that others may read or write, else as `identity_from_pem`; the errors name
    the path.
    """
    pem = _read_private_file(path)
    try:
        return identity_from_pem(pem, passphrase)
    except KeyFileError as error:
        error.what = f"{path}: {error.what}"
        raise


def _read_private_file(path: Path) -> bytes:
    try:
        # a named pipe must not hang us before its kind is known
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise KeyFileError(
            f"{path}: the key file cannot be read",
            why=error.strerror or "",
            next_step="Check the path in [identities] of the configuration and the file's owner.",
        ) from error
    try:
        _check_private(path, os.fstat(descriptor).st_mode)
        return os.read(descriptor, MAX_FILE_BYTES)
    finally:
        os.close(descriptor)


def _check_private(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise KeyFileError(f"{path}: it is not a file", next_step="Name the PEM file of the key.")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise RefusedBySafetyRule(
            f"{path}: others may use this key",
            why=f"its mode is {stat.S_IMODE(mode):04o}",
            next_step=f"chmod 600 {path}",
        )
