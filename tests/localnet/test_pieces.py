"""Pieces joined are what the ordinary encoder gives, and large byte strings are the very same objects."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.ic.encoding import cbor
from quri_console.localnet.pieces import LARGE_BYTES, Embedded, encode_pieces

values = st.recursive(
    st.binary(max_size=300) | st.text(max_size=300) | st.integers(0, 2**64 - 1),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=5), inner, max_size=30),
    max_leaves=60,
)


@given(values)
def test_joined_they_are_plain_cbor(value: Any) -> None:
    assert b"".join(encode_pieces(value)) == cbor.encode(value)


def test_a_large_byte_string_is_not_copied() -> None:
    large = bytes(LARGE_BYTES)
    pieces = encode_pieces({"a": Embedded(encode_pieces({"b": [1, large]})), "c": "d"})
    assert any(piece is large for piece in pieces)
    assert len(pieces) == 3
    inner = cbor.encode({"b": [1, large]})
    assert b"".join(pieces) == cbor.encode({"a": inner, "c": "d"})


@pytest.mark.parametrize("value", [None, -1, 2.5, {"a": None}])
def test_what_answers_do_not_hold_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        encode_pieces(value)


def test_numbers_have_at_most_64_bits() -> None:
    with pytest.raises(ValueError, match="too large"):
        encode_pieces(2**64)
