"""DER of the public keys that the network uses; each is a fixed prefix and the raw key."""

from __future__ import annotations

from quri_console.errors import NetworkError

BLS_KEY_PREFIX = bytes.fromhex("308182301d060d2b0601040182dc7c0503010201060c2b0601040182dc7c05030201036100")
"""BLS12-381 with 48-byte signatures in G1 and the 96-byte key in G2 (interface specification, "Certificates")."""

ED25519_KEY_PREFIX = bytes.fromhex("302a300506032b6570032100")
"""Ed25519 (RFC 8410)."""

BLS_KEY_BYTES = 96
ED25519_KEY_BYTES = 32


class MalformedPublicKey(NetworkError):
    """The bytes are not a DER-encoded public key of the expected kind."""


def bls_key_from_der(der: bytes) -> bytes:
    """The 96-byte compressed G2 point of a 133-byte key; raises MalformedPublicKey."""
    return _strip(der, BLS_KEY_PREFIX, BLS_KEY_BYTES, "BLS12-381")


def bls_key_to_der(raw: bytes) -> bytes:
    """The 133-byte DER form of a 96-byte compressed G2 point."""
    return _wrap(raw, BLS_KEY_PREFIX, BLS_KEY_BYTES, "BLS12-381")


def ed25519_public_key_from_der(der: bytes) -> bytes:
    """The 32-byte Ed25519 key of its 44-byte DER form; raises MalformedPublicKey."""
    return _strip(der, ED25519_KEY_PREFIX, ED25519_KEY_BYTES, "Ed25519")


def ed25519_public_key_to_der(raw: bytes) -> bytes:
    """The 44-byte DER form of a 32-byte Ed25519 key."""
    return _wrap(raw, ED25519_KEY_PREFIX, ED25519_KEY_BYTES, "Ed25519")


def _strip(der: bytes, prefix: bytes, size: int, kind: str) -> bytes:
    if len(der) != len(prefix) + size or not der.startswith(prefix):
        raise MalformedPublicKey(f"The network gave something that is not a DER-encoded {kind} key")
    return der[len(prefix) :]


def _wrap(raw: bytes, prefix: bytes, size: int, kind: str) -> bytes:
    if len(raw) != size:
        raise MalformedPublicKey(f"A raw {kind} key has {size} bytes, not {len(raw)}")
    return prefix + raw
