"""CBOR as the HTTPS interface speaks it (RFC 8949; interface specification, "CBOR encoding of requests and responses").

cbor2 decodes; before that a scan of the item headers refuses what no honest peer sends: lengths beyond the input,
deep nesting, too many items, indefinite lengths, tags, keys that are not text. The scan skips over strings, so its
cost depends on the number of items, not of bytes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import cbor2

from quri_console.errors import NetworkError

SELF_DESCRIBED = b"\xd9\xd9\xf7"
"""Tag 55799, which says "this is CBOR"; the replica writes it, some agents do not."""

MAX_DEPTH = 256
MAX_ITEMS = 500_000

CborValue: TypeAlias = bool | int | float | str | bytes | list["CborValue"] | dict[str, "CborValue"] | None
Encodable: TypeAlias = bool | int | float | str | bytes | Sequence["Encodable"] | Mapping[str, "Encodable"] | None

_TEXT, _MAP = 3, 5
_STRINGS = (2, _TEXT)
_CONTAINERS = (4, _MAP)
_FIRST_TAG = 0xC0
_SIMPLE_ITEMS = frozenset({0xF4, 0xF5, 0xF6, 0xF9, 0xFA, 0xFB})  # false, true, null, floats of 16, 32 and 64 bits


class MalformedCbor(NetworkError):
    """The bytes are not the CBOR of the interface, or ask for more than they hold."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "The answer is not the CBOR of the Internet Computer",
            why=why,
            next_step="Check that the URL is an Internet Computer boundary node or replica.",
        )


def encode(value: Encodable, *, self_described: bool = True) -> bytes:
    """CBOR of plain values, by default behind tag 55799."""
    encoded: bytes = cbor2.dumps(value)
    return SELF_DESCRIBED + encoded if self_described else encoded


def decode(data: bytes, *, max_depth: int = MAX_DEPTH, max_items: int = MAX_ITEMS) -> CborValue:
    """The one value that `data` holds, as plain dict, list, bytes, str, int, float, bool and None.

    Tag 55799 in front is optional. Raises MalformedCbor in time bounded by the number of items.
    """
    start = len(SELF_DESCRIBED) if data.startswith(SELF_DESCRIBED) else 0
    _scan(data, start, max_depth, max_items)
    # read from behind the tag: to cut it off would copy the two megabytes of a slice
    stream = io.BytesIO(data)
    stream.seek(start)
    try:
        value: CborValue = cbor2.load(
            stream, max_depth=max_depth + 1, allow_indefinite=False, allow_duplicate_keys=False
        )
    except (cbor2.CBORDecodeError, ValueError) as error:
        raise MalformedCbor(str(error)) from error
    return value


def _scan(data: bytes, offset: int, max_depth: int, max_items: int) -> None:
    """Step over every item from `offset` on.

    `left` is how many items the innermost open array or map still needs, keys included.
    """
    outer: list[tuple[int, bool]] = []
    left, is_map = 1, False
    items = 1
    while left or outer:
        if not left:
            left, is_map = outer.pop()
            continue
        kind, argument, offset = _header(data, offset)
        if is_map and not left & 1 and kind != _TEXT:
            raise MalformedCbor("a map has a key that is not text")
        left -= 1
        if kind in _STRINGS:
            offset += argument
        elif kind in _CONTAINERS:
            outer.append((left, is_map))
            is_map = kind == _MAP
            left = argument * 2 if is_map else argument
            items += left
            if items > max_items or left > len(data) - offset or len(outer) > max_depth:
                raise MalformedCbor(f"it claims {left:,} more values {len(outer)} levels deep; it cannot or must not")
    if offset != len(data):
        raise MalformedCbor("it is cut short, or bytes follow its end")


def _header(data: bytes, offset: int) -> tuple[int, int, int]:
    """Major type, argument and the offset behind the header of the item at `offset`."""
    if offset >= len(data):
        raise MalformedCbor("it is cut short")
    initial = data[offset]
    if initial >= _FIRST_TAG and initial not in _SIMPLE_ITEMS:
        raise MalformedCbor("it holds a tag or a simple value that the interface does not use")
    additional = initial & 31
    if additional < 24:
        return initial >> 5, additional, offset + 1
    if additional > 27:
        raise MalformedCbor("it holds a value of indefinite length")
    end = offset + 1 + (1 << (additional - 24))
    return initial >> 5, int.from_bytes(data[offset + 1 : end]), end
