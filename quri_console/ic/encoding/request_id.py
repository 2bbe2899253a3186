"""Representation-independent hashing and the separators of everything that is signed.

Interface specification, "Representation-independent hashing of structured data" and "Request ids".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from quri_console.ic.encoding.leb128 import encode_unsigned

REQUEST_SEPARATOR = b"\x0aic-request"
DELEGATION_SEPARATOR = b"\x1aic-request-auth-delegation"
RESPONSE_SEPARATOR = b"\x0bic-response"
STATE_ROOT_SEPARATOR = b"\x0dic-state-root"

Hashable: TypeAlias = str | bytes | int | Sequence["Hashable"] | Mapping[str, "Hashable"]
"""What can be hashed: text, bytes, naturals, arrays of these and maps from text to these."""


def representation_hash(fields: Mapping[str, Hashable]) -> bytes:
    """The 32-byte hash of a map, independent of its order and encoding.

    Fields whose value is None must be left out by the caller: an absent field has no hash.
    Raises TypeError for values that the specification does not define.
    """
    pairs = sorted(_sha256(name.encode()) + _hash_value(value) for name, value in fields.items())
    return _sha256(b"".join(pairs))


def request_id(content: Mapping[str, Hashable]) -> bytes:
    """The id of a request: the hash of the envelope's `content`."""
    return representation_hash(content)


def _hash_value(value: Hashable) -> bytes:
    match value:
        case bytes() | bytearray() | memoryview():
            return _sha256(value)
        case str():
            return _sha256(value.encode())
        case bool():
            raise TypeError("a boolean has no representation-independent hash")
        case int():
            return _sha256(encode_unsigned(value))
        case Mapping():
            return representation_hash(value)
        case Sequence():
            return _sha256(b"".join(map(_hash_value, value)))
    raise TypeError(f"{type(value).__name__} has no representation-independent hash")


def _sha256(data: bytes | bytearray | memoryview) -> bytes:
    return hashlib.sha256(data).digest()
