"""Canonical JSON (RFC 8785) of what we keep: equal values give equal bytes, wherever they are made.

JSON's numbers are doubles, so whole numbers beyond 2^53 (cycles, nanoseconds) are decimal texts, as RFC 8785
advises. Text is spelt out first, so that what a canister answered does nothing to whoever looks into the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Union

from quri_console.untrusted import spell_out

Plain = Union[None, bool, int, str, "list[Plain]", "dict[str, Plain]"]
EXACT = 2**53 - 1
_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def canonical(value: Plain) -> bytes:
    """The canonical bytes of a value that `plain` made. Raises ValueError for what JSON cannot hold exactly."""
    import rfc8785

    return bytes(rfc8785.dumps(value))


def plain(value: object) -> Plain:
    """`value` with everything that JSON has no exact place for spelt as text; anything unknown by its `str`."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -EXACT <= value <= EXACT else str(int(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return _whole(value)


def _whole(value: object) -> Plain:
    if isinstance(value, str):
        return spell_out(value, _SHORT)
    if isinstance(value, Mapping):
        return {spell_out(str(name), _SHORT): plain(item) for name, item in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [plain(item) for item in value]
    return spell_out(str(value), _SHORT)
