"""Candid messages through icp_candid, guarded on both sides.

Values in Python, the same for `encode` and `decode`:

- `opt`: `[]` or `[value]` (encode takes None for `[]` as well); `vec nat8`: bytes; other `vec`: list
- `record`: dict by field name; a record with fields 0, 1, … (a tuple): list
- `variant`: dict with one entry, `{"ok": value}`; a case without value has None
- `principal`: Principal; numbers: int and float; `null`, `reserved`: None

Decoding without expected types gives fields and cases their hash as name (`"1224700491"`, see `field_hash`).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import icp_candid.candid as library
from icp_candid import Types

from quri_console.ic.encoding.candid_budget import DEFAULT_BUDGET, Budget, MalformedCandid, check_budget
from quri_console.ic.encoding.candid_subtyping import check_arguments

__all__ = ["DEFAULT_BUDGET", "Budget", "MalformedCandid", "Types", "decode", "encode", "field_hash"]


@lru_cache(maxsize=4096)
def field_hash(name: str) -> int:
    """The number by which the wire knows a record field or variant case (Candid specification, "Types")."""
    number = 0
    for byte in name.encode():
        number = (number * 223 + byte) & 0xFFFFFFFF
    return number


def encode(types: Sequence[Any], values: Sequence[Any]) -> bytes:
    """The message that holds `values` as `types`; raises ValueError where they do not fit each other."""
    if len(types) != len(values):
        raise ValueError(f"{len(values)} values for {len(types)} types")
    try:
        encoded: bytes = library.encode(
            [{"type": kind, "value": value} for kind, value in zip(types, values, strict=True)]
        )
    except (AttributeError, KeyError, TypeError, struct.error) as error:
        raise ValueError(f"a value does not fit its Candid type: {error}") from error
    return encoded


def decode(data: bytes, types: Sequence[Any] | None = None, *, budget: Budget = DEFAULT_BUDGET) -> list[Any]:
    """The values of a message, as `types` where these are given.

    Fields that the types do not name are dropped; optional fields that the message lacks are `[]`. Raises
    MalformedCandid for malformed input, for input beyond the budget and for values of other types.
    """
    message = check_budget(data, budget)
    if types is not None:
        check_arguments(types, message)
        if not types:
            return []
    try:
        decoded = library.decode(data, None if types is None else list(types))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedCandid(str(error)) from error
    return [argument["value"] for argument in decoded]
