"""Private keys in every PEM form that icp, dfx and openssl write.

`cryptography` reads PKCS#8 version 1 and SEC1, with or without an `EC PARAMETERS` block, plain or encrypted. It does
not read PKCS#8 version 2 (RFC 5958, with the public key), which is how icp stores Ed25519, plain or encrypted
with scrypt; that form is read here.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key
from cryptography.x509 import ObjectIdentifier

from quri_console.errors import ExitCode, UsageError

PrivateKey: TypeAlias = Ed25519PrivateKey | ec.EllipticCurvePrivateKey

_ED25519 = ObjectIdentifier("1.3.101.112")
_PBES2 = ObjectIdentifier("1.2.840.113549.1.5.13")
_SCRYPT = ObjectIdentifier("1.3.6.1.4.1.11591.4.11")
_AES_256_CBC = ObjectIdentifier("2.16.840.1.101.3.4.1.42")
_MAX_SCRYPT_MEMORY = 1 << 30

_PEM_BLOCK = re.compile(rb"-----BEGIN ((?:EC |ENCRYPTED )?PRIVATE KEY)-----\s+(.+?)-----END \1-----", re.DOTALL)


class KeyFileError(UsageError):
    """The file holds no private key that the network accepts."""


class PassphraseNeeded(KeyFileError):
    """The key is encrypted and nobody could be asked for its passphrase."""

    def __init__(self) -> None:
        super().__init__(
            "The key is encrypted", next_step="Run the command in a terminal, so that it can ask for the passphrase."
        )


class WrongPassphrase(KeyFileError):
    """The passphrase does not open the key."""

    exit_code = ExitCode.WRONG_KEY

    def __init__(self) -> None:
        super().__init__("The passphrase does not open the key", next_step="Try again.")


@asn1.sequence
class _Algorithm:
    """AlgorithmIdentifier without parameters, as Ed25519 has it."""

    algorithm: ObjectIdentifier


@asn1.sequence
class _OneAsymmetricKey:
    """RFC 5958, version 2, without attributes."""

    version: int
    algorithm: _Algorithm
    private_key: bytes
    public_key: Annotated[asn1.BitString | None, asn1.Implicit(1)]


@asn1.sequence
class _RingKey:
    """The same as the Rust library ring wrote it, whose keys early dfx versions stored: the public key tagged twice."""

    version: int
    algorithm: _Algorithm
    private_key: bytes
    public_key: Annotated[asn1.BitString | None, asn1.Explicit(1)]


@asn1.sequence
class _ScryptParameters:
    """RFC 7914 §7."""

    salt: bytes
    cost: int
    block_size: int
    parallelization: int
    key_length: int | None


@asn1.sequence
class _Derivation:
    algorithm: ObjectIdentifier
    parameters: _ScryptParameters


@asn1.sequence
class _Encryption:
    algorithm: ObjectIdentifier
    initial_vector: bytes


@asn1.sequence
class _Pbes2Parameters:
    derivation: _Derivation
    encryption: _Encryption


@asn1.sequence
class _Pbes2:
    algorithm: ObjectIdentifier
    parameters: _Pbes2Parameters


@asn1.sequence
class _EncryptedPrivateKeyInfo:
    """RFC 5958 with PBES2 (RFC 8018), scrypt and AES-256-CBC: what icp writes."""

    encryption: _Pbes2
    encrypted: bytes


def private_key_from_pem(pem: bytes, passphrase: Callable[[], str] | None) -> PrivateKey:
    """The private key of a PEM text; `passphrase` is asked once, only if the key is encrypted.

    Raises KeyFileError, PassphraseNeeded or WrongPassphrase.
    """
    block = _PEM_BLOCK.search(pem)
    if block is None:
        raise _unusable("it holds no PRIVATE KEY block")
    kind, content = block.groups()
    if kind == b"ENCRYPTED PRIVATE KEY":
        return _from_encrypted(pem, _der(content), _ask(passphrase))
    if b"ENCRYPTED" in content:  # the Proc-Type header of encrypted SEC1
        return _checked(_from_pem(pem, _ask(passphrase)))
    if kind == b"PRIVATE KEY":
        return _from_pkcs8(_der(content))
    return _checked(_from_pem(pem, None))


def _ask(passphrase: Callable[[], str] | None) -> bytes:
    if passphrase is None:
        raise PassphraseNeeded
    return passphrase().encode()


def _from_encrypted(pem: bytes, der: bytes, passphrase: bytes) -> PrivateKey:
    try:
        info = asn1.decode_der(_EncryptedPrivateKeyInfo, der)
    except ValueError:
        return _checked(_from_pem(pem, passphrase))  # another derivation than scrypt
    return _from_pkcs8(_decrypt(info, passphrase))


def _decrypt(info: _EncryptedPrivateKeyInfo, passphrase: bytes) -> bytes:
    derivation, encryption = info.encryption.parameters.derivation, info.encryption.parameters.encryption
    algorithms_found = (info.encryption.algorithm, derivation.algorithm, encryption.algorithm)
    if algorithms_found != (_PBES2, _SCRYPT, _AES_256_CBC):
        raise _unusable("it is encrypted with algorithms that icp does not use")
    scrypt = derivation.parameters
    if 128 * scrypt.cost * scrypt.block_size > _MAX_SCRYPT_MEMORY:
        raise _unusable("deriving its key takes more than 1 GiB of memory")
    try:
        key = Scrypt(scrypt.salt, 32, scrypt.cost, scrypt.block_size, scrypt.parallelization).derive(passphrase)
        decryptor = Cipher(algorithms.AES(key), modes.CBC(encryption.initial_vector)).decryptor()
        padded = decryptor.update(info.encrypted) + decryptor.finalize()
        unpadder = PKCS7(128).unpadder()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise WrongPassphrase from None


def _from_pkcs8(der: bytes) -> PrivateKey:
    info = _version_2(der)
    if info is not None and info.version == 1 and info.algorithm.algorithm == _ED25519:
        return _ed25519(info)
    try:
        return _checked(load_der_private_key(der, None))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _unusable("its content is not a private key") from None


def _version_2(der: bytes) -> _OneAsymmetricKey | _RingKey | None:
    with suppress(ValueError):
        return asn1.decode_der(_OneAsymmetricKey, der)
    with suppress(ValueError):
        return asn1.decode_der(_RingKey, der)
    return None


def _ed25519(info: _OneAsymmetricKey | _RingKey) -> Ed25519PrivateKey:
    if len(info.private_key) != 34 or not info.private_key.startswith(b"\x04\x20"):
        raise _unusable("its Ed25519 key has the wrong length")
    key = Ed25519PrivateKey.from_private_bytes(info.private_key[2:])
    if info.public_key is not None and info.public_key.as_bytes() != key.public_key().public_bytes_raw():
        raise _unusable("its public key does not belong to its private key")
    return key


def _from_pem(pem: bytes, passphrase: bytes | None) -> object:
    try:
        return load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if passphrase is not None:
            raise WrongPassphrase from None
        raise _unusable("its content is not a private key") from None


def _checked(key: object) -> PrivateKey:
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, (ec.SECP256K1, ec.SECP256R1)):
        return key
    raise _unusable("it is neither Ed25519, secp256k1 nor P-256")


def _der(content: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(content.split()), validate=True)
    except binascii.Error:
        raise _unusable("its text is damaged") from None


def _unusable(why: str) -> KeyFileError:
    return KeyFileError(
        "This is no private key that the network accepts",
        why=why,
        next_step="Export one with `icp identity export NAME`, or make one with `openssl genpkey -algorithm ed25519`.",
    )
