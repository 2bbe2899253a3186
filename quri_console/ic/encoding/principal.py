"""Principals: the names of canisters, people, subnets and nodes (interface specification, "Principals")."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from quri_console.errors import UsageError

if TYPE_CHECKING:

    class Principal:
        """What icp_principal's class offers and this project uses; equal and hashed by its bytes."""

        def __init__(self, data: bytes = b"") -> None: ...
        @property
        def bytes(self) -> bytes:
            """The raw bytes, at most 29."""

        @staticmethod
        def from_str(s: str) -> Principal:
            """Parse the textual form; raises ValueError."""

        def to_str(self) -> str:
            """The textual form, `ryjl3-tyaaa-…`."""

else:
    from icp_principal import Principal

__all__ = ["ANONYMOUS", "MANAGEMENT", "InvalidPrincipal", "Principal", "parse_principal", "self_authenticating"]

MAX_BYTES = 29
_MAX_TEXT = 63  # 29 bytes and the checksum are 53 base32 letters and 10 dashes

MANAGEMENT = Principal(b"")
"""The management canister, aaaaa-aa."""

ANONYMOUS = Principal(b"\x04")
"""The caller without a key, 2vxsx-fae."""


class InvalidPrincipal(UsageError):
    """The text is not a principal, or its checksum is wrong."""


def parse_principal(text: str) -> Principal:
    """The principal that `text` names, in any letter case; raises InvalidPrincipal."""
    try:
        if len(text) > _MAX_TEXT:
            raise ValueError("it is longer than any principal")
        principal = Principal.from_str(text)
    except ValueError as error:
        raise InvalidPrincipal(
            f"{text[:80]!r} is not a principal",
            why=str(error),
            next_step="Copy the whole id, like ryjl3-tyaaa-aaaaa-aaaba-cai; a wrong letter breaks its checksum.",
        ) from error
    return principal


def self_authenticating(public_key_der: bytes) -> Principal:
    """The principal of a DER-encoded public key: SHA-224 of the key, then 02."""
    return Principal(hashlib.sha224(public_key_der).digest() + b"\x02")
