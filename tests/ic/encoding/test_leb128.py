"""LEB128 integers."""

from __future__ import annotations

import leb128 as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.errors import ExitCode
from quri_console.ic.encoding.leb128 import (
    MalformedLeb128,
    decode_signed,
    decode_unsigned,
    encode_signed,
    encode_unsigned,
    read_signed,
    read_unsigned,
)

NATS = st.integers(0, (1 << 280) - 1)
INTS = st.integers(-(1 << 279), (1 << 279) - 1)


@given(NATS)
def test_unsigned_agrees_with_an_independent_encoder(value: int) -> None:
    assert encode_unsigned(value) == oracle.u.encode(value)
    assert decode_unsigned(encode_unsigned(value)) == value


@given(INTS)
def test_signed_agrees_with_an_independent_encoder(value: int) -> None:
    assert encode_signed(value) == oracle.i.encode(value)
    assert decode_signed(encode_signed(value)) == value


@given(NATS, INTS, st.binary(max_size=4))
def test_reading_stops_behind_each_number(nat: int, integer: int, rest: bytes) -> None:
    data = encode_unsigned(nat) + encode_signed(integer) + rest
    value, offset = read_unsigned(data, 0)
    assert (value, *read_signed(data, offset)) == (nat, integer, len(data) - len(rest))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80" * 40 + b"\x00", b"\x80" * 1_000_000, b"\x00\x00"])
def test_cut_overlong_and_trailing_bytes_are_refused(data: bytes) -> None:
    for decode in (decode_unsigned, decode_signed):
        with pytest.raises(MalformedLeb128) as raised:
            decode(data)
        assert raised.value.exit_code == ExitCode.NETWORK


def test_negative_number_has_no_unsigned_form() -> None:
    with pytest.raises(ValueError, match="negative"):
        encode_unsigned(-1)
