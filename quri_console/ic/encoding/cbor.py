"""CBOR as the HTTPS interface speaks it (RFC 8949; interface specification, "CBOR encoding of requests and responses").

cbor2 decodes; before that a scan of the item headers refuses what no honest peer sends: lengths beyond the input,
deep nesting, too many items, indefinite lengths, tags, keys that are not text. The scan skips over strings, so its
cost depends on the number of items, not of bytes.
"""

from __future__ import annotations

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

_ARGUMENT_BYTES = {24: 1, 25: 2, 26: 4, 27: 8}
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_SIMPLE_VALUES = frozenset({20, 21, 22, 25, 26, 27})  # false, true, null, floats of 16, 32 and 64 bits


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
    if data.startswith(SELF_DESCRIBED):
        data = data[len(SELF_DESCRIBED) :]
    _scan(data, max_depth, max_items)
    try:
        value: CborValue = cbor2.loads(
            data, max_depth=max_depth + 1, allow_indefinite=False, allow_duplicate_keys=False
        )
    except (cbor2.CBORDecodeError, ValueError) as error:
        raise MalformedCbor(str(error)) from error
    return value


def _scan(data: bytes, max_depth: int, max_items: int) -> None:
    """Walk the item headers; `open_items` holds how many items each open array or map still needs, key and value."""
    open_items: list[int] = [1]
    in_map: list[bool] = [False]
    offset = items = 0
    while open_items:
        if open_items[-1] == 0:
            open_items.pop()
            in_map.pop()
            continue
        is_key = in_map[-1] and open_items[-1] % 2 == 0
        open_items[-1] -= 1
        items += 1
        kind, argument, offset = _header(data, offset)
        if is_key and kind != _TEXT:
            raise MalformedCbor("a map has a key that is not text")
        if kind in (_BYTES, _TEXT):
            offset += argument
            if offset > len(data):
                raise MalformedCbor(f"it claims {argument:,} bytes and holds fewer")
        elif kind in (_ARRAY, _MAP):
            count = argument * 2 if kind == _MAP else argument
            if count > len(data) - offset or items + count > max_items:
                raise MalformedCbor(f"it claims {count:,} values, more than it can hold or may")
            open_items.append(count)
            in_map.append(kind == _MAP)
            if len(open_items) > max_depth + 1:
                raise MalformedCbor(f"it nests deeper than {max_depth}")
    if offset != len(data):
        raise MalformedCbor("bytes follow its end")


def _header(data: bytes, offset: int) -> tuple[int, int, int]:
    """Major type, argument and the offset behind the header of the item at `offset`."""
    if offset >= len(data):
        raise MalformedCbor("it is cut short")
    kind, additional = divmod(data[offset], 32)
    offset += 1
    if kind == _TAG or (kind == _SIMPLE and additional not in _SIMPLE_VALUES):
        raise MalformedCbor("it holds a tag or a simple value that the interface does not use")
    if additional < 24:
        return kind, additional, offset
    size = _ARGUMENT_BYTES.get(additional)
    if size is None:
        raise MalformedCbor("it holds a value of indefinite length")
    end = offset + size
    if end > len(data):
        raise MalformedCbor("it is cut short")
    return kind, int.from_bytes(data[offset:end]), end
