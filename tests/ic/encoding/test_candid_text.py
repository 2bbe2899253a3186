"""Candid text is read as it is written, sent with the types that it gives, and shown so that nothing deceives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.ic.encoding.candid import MalformedCandid, Types, encode, field_hash
from quri_console.ic.encoding.candid_budget import Budget
from quri_console.ic.encoding.candid_sending import encode_values
from quri_console.ic.encoding.candid_shown import text_of_values
from quri_console.ic.encoding.candid_text import parse_values
from quri_console.ic.encoding.candid_values import (
    Number,
    Opt,
    Plain,
    PrincipalValue,
    Record,
    Value,
    Variant,
    Vec,
    decode_values,
    same_values,
)
from quri_console.ic.encoding.candid_words import UnusableText


@pytest.mark.parametrize(
    ("text", "kinds", "values"),
    [
        ("()", [], []),
        ("(5)", [Types.Nat], [5]),
        ("-5", [Types.Int], [-5]),
        ("(1_000 : nat64, 0xff : nat8)", [Types.Nat64, Types.Nat8], [1000, 255]),
        ("(1.5, 2 : float32, -1e3)", [Types.Float64, Types.Float32, Types.Float64], [1.5, 2.0, -1000.0]),
        ("(null, true, false)", [Types.Null, Types.Bool, Types.Bool], [None, True, False]),
        ('("a\\n\\u{e9}\\c3\\a9\\"")', [Types.Text], ['a\néé"']),
        ('(blob "\\00a")', [Types.Vec(Types.Nat8)], [b"\0a"]),
        ("(vec { 1 : nat8; 2 : nat8 })", [Types.Vec(Types.Nat8)], [b"\1\2"]),
        ("(opt 5, null : opt nat)", [Types.Opt(Types.Nat), Types.Opt(Types.Null)], [[5], []]),
        ("(vec { 1; 2; -3 })", [Types.Vec(Types.Int)], [[1, 2, -3]]),
        ("record { a = 1; b = record { true; 2 } } // why", [Types.Record({"a": Types.Nat, "b": Types.Record(
            {"0": Types.Bool, "1": Types.Nat})})], [{"a": 1, "b": {"0": True, "1": 2}}]),
        ("(variant { ok = 1 }, /* no */ variant { err })", [Types.Variant({"ok": Types.Nat}), Types.Variant(
            {"err": Types.Null})], [{"ok": 1}, {"err": None}]),
        ("(((7 : nat16)),)", [Types.Nat16], [7]),
    ],
)  # fmt: skip
def test_text_becomes_the_message_that_the_library_makes_of_the_same_values(
    text: str, kinds: list[object], values: list[object]
) -> None:
    assert decode_values(encode_values(parse_values(text))) == decode_values(encode(kinds, values))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("(", "ends too early"),
        ("(5", "')' is missing"),
        ("(5))", "follows its end"),
        ('"a', "character 1"),
        ("(1.5 : nat)", "1.5 is no nat"),
        ("(true : nat)", "not of the type nat"),
        ("(5 : record {})", "cannot be given behind a value"),
        ("record { a = 1; a = 2 }", "same field twice"),
        ("foo", "'foo' is no value"),
        ('principal "xyz"', "is no principal"),
        ('"\\ud800"', "means nothing"),
        ('"\\ff"', "not UTF-8"),
        ("(" * 100, "deeper than 64"),
        ("opt " * 100 + "1", "deeper than 64"),
        ("1" * 70_000, "longer than"),
    ],
)
def test_what_is_no_candid_text_says_where(text: str, why: str) -> None:
    with pytest.raises(UnusableText, match=why.replace("(", r"\(").replace(")", r"\)")):
        parse_values(text)


@pytest.mark.parametrize("text", ['vec { 1; "x" }', "(300 : nat8)", "vec { record { a = 1 }; record { b = 1 } }"])
def test_values_that_have_no_common_type_cannot_be_sent(text: str) -> None:
    with pytest.raises(ValueError, match="type"):
        encode_values(parse_values(text))


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("(5)", "(5 : nat64)", True),
        ("(5 : nat64)", "(5 : nat32)", False),
        ("(5)", "(5.0 : float64)", True),
        ("record { b = 1; a = 2 }", "record { a = 2 : int8; b = 1 }", True),
        ("record { a = 2 }", "record { a = 2; b = 1 }", False),
        ("null", "null : opt nat", True),
        ("null", "opt 1", False),
        ("vec {}", 'blob ""', True),
        ("vec { 1; 2 }", 'blob "\\01\\02"', True),
        ("variant { ok }", "variant { ok = null }", True),
        ("variant { ok }", "variant { err }", False),
        ("true", "1", False),
        ("(1, 2)", "(1)", False),
    ],
)
def test_a_written_value_equals_a_reply_whatever_its_number_types(expected: str, actual: str, same: bool) -> None:
    reply = decode_values(encode_values(parse_values(actual)))
    assert same_values(parse_values(expected), reply) is same


def test_fields_are_called_by_their_names_where_these_are_known() -> None:
    values = decode_values(encode_values(parse_values("record { healthy = true; other = 1 : nat8 }")))
    names = {field_hash("healthy"): "healthy"}
    assert text_of_values(values) == f"(record {{ {field_hash('other')} = 1 : nat8; {field_hash('healthy')} = true }})"
    assert "healthy = true" in text_of_values(values, names)


def test_what_is_shown_cannot_move_a_cursor_or_turn_text_around() -> None:
    values = (Plain('\x1b[2J\u202e"\\\n'), Plain(b"\x1b\xff"), PrincipalValue(b"\x04", "\x1b"))
    shown = text_of_values(values, {})
    assert shown.isprintable()
    assert shown.isascii()
    assert '\\"' in shown


def test_a_message_beyond_the_budget_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(MalformedCandid):
        decode_values(b"DIDL\x01\x6d\x7f\x01\x00" + b"\xff\xff\xff\xff\x7f")
    with pytest.raises(MalformedCandid):
        decode_values(encode([Types.Vec(Types.Nat)], [[1, 2, 3]]), budget=Budget(values=2))
    with pytest.raises(MalformedCandid, match="UTF-8"):
        decode_values(b"DIDL\x00\x01\x71\x01\xff")


_LEAVES: st.SearchStrategy[Value] = st.one_of(
    st.booleans().map(Plain),
    st.text(max_size=8).map(Plain),
    st.binary(max_size=8).map(Plain),
    st.integers(0, 2**70).map(lambda number: Number(number, "nat")),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: Number(number, "int64")),
    st.floats(allow_nan=False).map(lambda number: Number(number, "float64")),
    st.binary(max_size=29).map(PrincipalValue),
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        inner.map(Opt),
        inner.map(lambda value: Vec((value, value))).filter(
            lambda vec: not (isinstance(vec.items[0], Number) and vec.items[0].kind == "nat8")
        ),
        st.dictionaries(st.integers(0, 2**32 - 1), inner, max_size=3).map(
            lambda fields: Record(tuple(sorted(fields.items())))
        ),
        st.tuples(st.integers(0, 2**32 - 1), inner).map(lambda pair: Variant(*pair)),
    ),
    max_leaves=8,
)


@given(st.lists(_VALUES, max_size=3).map(tuple))
def test_values_survive_the_message_and_the_text(values: tuple[Value, ...]) -> None:
    assert decode_values(encode_values(values)) == values
    shown = text_of_values(values)
    if "\\u{" not in shown and "\\x" not in shown:
        assert parse_values(shown) == values
