"""BLS12-381 signatures of the network: 48-byte signatures in G1, keys in G2.

Interface specification, "Certificates".
"""

from __future__ import annotations

from typing import Any, TypeAlias

from py_arkworks_bls12381 import GT, G1Point, G2Point

from quri_console.ic.certificates.errors import InvalidSignature
from quri_console.ic.encoding.der import bls_key_from_der

DOMAIN_SEPARATION_TAG = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"

PublicKey: TypeAlias = Any
"""A point of G2 in its subgroup, other than the point at infinity."""

_MINUS_GENERATOR = -G2Point()


def public_key(der: bytes) -> PublicKey:
    """The key of a 133-byte DER form; raises MalformedPublicKey or InvalidSignature for what is no key."""
    raw = bls_key_from_der(der)
    try:
        point = G2Point.from_compressed_bytes(raw)
    except ValueError as error:
        raise InvalidSignature("its public key is not a point of the curve") from error
    if point == G2Point.identity():
        raise InvalidSignature("its public key is the point at infinity")
    return point


def verify(key: PublicKey, message: bytes, signature: bytes) -> None:
    """Return if `signature` of `message` is by `key`; raises InvalidSignature otherwise."""
    try:
        point = G1Point.from_compressed_bytes(signature)
    except ValueError as error:
        raise InvalidSignature("the signature is not a point of the curve") from error
    hashed = G1Point.hash_to_curve(message, DOMAIN_SEPARATION_TAG)
    if not GT.pairing_check([point, hashed], [_MINUS_GENERATOR, key]):
        raise InvalidSignature("it was made with another key or for another content")
