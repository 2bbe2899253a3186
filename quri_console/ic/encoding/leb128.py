"""LEB128 integers, as request ids, state trees and Candid carry them (interface specification, "Encoding")."""

from __future__ import annotations

from quri_console.errors import NetworkError

MAX_BYTES = 40
"""No number of the protocol is longer: 280 bits hold every nat that a canister reports."""


class MalformedLeb128(NetworkError):
    """The bytes are not one LEB128 number of at most 40 bytes."""


def encode_unsigned(value: int) -> bytes:
    """Shortest unsigned LEB128 of a number ≥ 0; raises ValueError below zero."""
    if value < 0:
        raise ValueError("unsigned LEB128 holds no negative number")
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode_signed(value: int) -> bytes:
    """Shortest signed LEB128 of any integer."""
    encoded = bytearray()
    while not -64 <= value < 64:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value & 0x7F)
    return bytes(encoded)


def read_unsigned(data: bytes | memoryview, offset: int) -> tuple[int, int]:
    """The number that starts at `offset` and the offset behind it; raises MalformedLeb128."""
    value = 0
    for index in range(offset, min(offset + MAX_BYTES, len(data))):
        byte = data[index]
        value |= (byte & 0x7F) << (7 * (index - offset))
        if byte < 0x80:
            return value, index + 1
    raise MalformedLeb128("A number in the answer is cut short or longer than 40 bytes")


def read_signed(data: bytes | memoryview, offset: int) -> tuple[int, int]:
    """The signed number that starts at `offset` and the offset behind it; raises MalformedLeb128."""
    value, end = read_unsigned(data, offset)
    bits = 7 * (end - offset)
    return (value - (1 << bits) if data[end - 1] & 0x40 else value), end


def decode_unsigned(data: bytes) -> int:
    """The number that fills the whole input; raises MalformedLeb128."""
    return _whole(data, read_unsigned(data, 0))


def decode_signed(data: bytes) -> int:
    """The signed number that fills the whole input; raises MalformedLeb128."""
    return _whole(data, read_signed(data, 0))


def _whole(data: bytes, read: tuple[int, int]) -> int:
    value, end = read
    if end != len(data):
        raise MalformedLeb128("Bytes follow where a number should end")
    return value
