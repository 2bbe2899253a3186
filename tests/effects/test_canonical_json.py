"""Canonical JSON: the examples of RFC 8785, and what JSON has no exact place for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.effects.canonical_json import canonical, plain


def test_keys_are_sorted_by_their_utf_16_units_as_the_rfc_has_it() -> None:
    names = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    found = list(json.loads(canonical(names)))  # type: ignore[arg-type]
    assert found == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_nothing_stands_between_the_parts() -> None:
    assert canonical({"b": [1, True, None], "a": "ü"}) == '{"a":"ü","b":[1,true,null]}'.encode()


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (2**53 - 1, 2**53 - 1),
        (2**53, "9007199254740992"),
        (10**30, "1" + "0" * 30),
        (b"\x01\xff", "01ff"),
        ("\x1b[31m\u202e", "\\x1b[31m\\u{202e}"),
        ("\ud800", "\\u{d800}"),
        (0.5, "0.5"),
        (("a", {"b"}), ["a", ["b"]]),
        ({1: None}, {"1": None}),
    ],
)
def test_what_json_cannot_hold_exactly_is_text(value: object, found: object) -> None:
    assert plain(value) == found


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(ANYTHING)
def test_what_was_written_is_read_and_written_as_the_same_bytes(value: object) -> None:
    written = canonical(plain(value))
    assert canonical(json.loads(written)) == written
    assert b"\n" not in written
