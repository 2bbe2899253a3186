"""Candid against ic-py: what one writes the other reads, and bytes in between never hang or crash the reader."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

import ic.candid as oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ic.principal import Principal as OraclePrincipal

from quri_console.ic.encoding.candid import MalformedCandid, Types, decode, encode, field_hash
from quri_console.ic.encoding.principal import Principal


class Sample(NamedTuple):
    """A value of some type, in the words of both libraries."""

    ours: Any
    theirs: Any
    value: Any


def primitive(name: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Sample]:
    return values.map(lambda value: Sample(getattr(Types, name), getattr(oracle.Types, name), value))


PRIMITIVES = st.one_of(
    primitive("Null", st.none()),
    primitive("Bool", st.booleans()),
    primitive("Nat", st.integers(0, 1 << 130)),
    primitive("Int", st.integers(-(1 << 130), 1 << 130)),
    *(primitive(f"Nat{bits}", st.integers(0, (1 << bits) - 1)) for bits in (8, 16, 32, 64)),
    *(primitive(f"Int{bits}", st.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)) for bits in (8, 16, 32, 64)),
    primitive("Float32", st.floats(width=32, allow_nan=False)),
    primitive("Float64", st.floats(allow_nan=False)),
    primitive("Text", st.text(max_size=8)),
    primitive("Principal", st.binary(max_size=29).map(Principal)),
)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=6)


@st.composite
def vectors(draw: st.DrawFn, inner: st.SearchStrategy[Sample]) -> Sample:
    element = draw(inner)
    count = draw(st.integers(0, 3))
    if element.ours is Types.Nat8:
        return Sample(Types.Vec(Types.Nat8), oracle.Types.Vec(oracle.Types.Nat8), bytes([element.value] * count))
    return Sample(Types.Vec(element.ours), oracle.Types.Vec(element.theirs), [element.value] * count)


def options(inner: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    return st.tuples(inner, st.booleans()).map(
        lambda drawn: Sample(
            Types.Opt(drawn[0].ours), oracle.Types.Opt(drawn[0].theirs), [drawn[0].value] if drawn[1] else []
        )
    )


def records(inner: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    return st.dictionaries(NAMES, inner, min_size=1, max_size=4).map(
        lambda fields: Sample(
            Types.Record({name: sample.ours for name, sample in fields.items()}),
            oracle.Types.Record({name: sample.theirs for name, sample in fields.items()}),
            {name: sample.value for name, sample in fields.items()},
        )
    )


def variants(inner: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    cases = st.dictionaries(NAMES, inner, min_size=1, max_size=4)
    return cases.flatmap(lambda drawn: st.sampled_from(sorted(drawn)).map(lambda chosen: _variant(drawn, chosen)))


def _variant(cases: dict[str, Sample], chosen: str) -> Sample:
    return Sample(
        Types.Variant({name: sample.ours for name, sample in cases.items()}),
        oracle.Types.Variant({name: sample.theirs for name, sample in cases.items()}),
        {chosen: cases[chosen].value},
    )


SAMPLES = st.recursive(
    PRIMITIVES,
    lambda inner: st.one_of(vectors(inner), options(inner), records(inner), variants(inner)),
    max_leaves=8,
)


def to_theirs(value: Any) -> Any:
    """ic-py takes principals as bytes and blobs as lists."""
    match value:
        case Principal():
            return value.bytes
        case bytes():
            return list(value)
        case list():
            return [to_theirs(element) for element in value]
        case dict():
            return {name: to_theirs(content) for name, content in value.items()}
    return value


def comparable(value: Any) -> Any:
    """Both libraries' values in one form."""
    match value:
        case Principal() | OraclePrincipal():
            return ("principal", bytes(value.bytes))
        case bytes():
            return list(value)
        case list():
            return [comparable(element) for element in value]
        case dict():
            return {name: comparable(content) for name, content in value.items()}
    return value


@given(st.lists(SAMPLES, max_size=3))
def test_ic_py_reads_what_we_write(samples: list[Sample]) -> None:
    data = encode([sample.ours for sample in samples], [sample.value for sample in samples])
    read = oracle.decode(data, [sample.theirs for sample in samples])
    assert comparable([item["value"] for item in read]) == comparable([sample.value for sample in samples])


@given(st.lists(SAMPLES, max_size=3))
def test_we_read_what_ic_py_writes(samples: list[Sample]) -> None:
    data = oracle.encode([{"type": sample.theirs, "value": to_theirs(sample.value)} for sample in samples])
    assert decode(data, [sample.ours for sample in samples]) == [sample.value for sample in samples]


@given(st.lists(SAMPLES, min_size=1, max_size=3))
def test_we_read_what_we_write_without_knowing_the_types(samples: list[Sample]) -> None:
    data = encode([sample.ours for sample in samples], [sample.value for sample in samples])
    assert decode(data) == [_hashed(sample.value) for sample in samples]


def _hashed(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(field_hash(name)): _hashed(content) for name, content in value.items()}
    return [_hashed(element) for element in value] if isinstance(value, list) else value


@settings(deadline=2000, max_examples=300)
@given(st.lists(SAMPLES, min_size=1, max_size=2), st.booleans(), st.data())
def test_mutated_messages_give_values_or_the_typed_error(
    samples: list[Sample], typed: bool, data: st.DataObject
) -> None:
    message = bytearray(encode([sample.ours for sample in samples], [sample.value for sample in samples]))
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(4, len(message) - 1))] = data.draw(st.integers(0, 255))
    with suppress(MalformedCandid):
        decoded = decode(bytes(message), [sample.ours for sample in samples] if typed else None)
        assert isinstance(decoded, list)


@settings(deadline=2000)
@given(st.binary(max_size=100))
def test_any_bytes_give_values_or_the_typed_error(data: bytes) -> None:
    for message in (data, b"DIDL" + data):
        with suppress(MalformedCandid):
            assert isinstance(decode(message), list)


def test_fields_beyond_the_expected_are_dropped_and_missing_options_are_empty() -> None:
    newer = Types.Record({"cycles": Types.Nat, "added": Types.Vec(Types.Record({"x": Types.Opt(Types.Text)}))})
    older = Types.Record({"cycles": Types.Nat, "removed": Types.Opt(Types.Nat), "any": Types.Reserved})
    data = encode([newer, Types.Text], [{"cycles": 5, "added": [{"x": ["y"]}, {"x": []}]}, "more"])
    assert decode(data, [older]) == [{"cycles": 5, "removed": [], "any": None}]
    assert decode(data, []) == []


def test_nat_is_read_where_int_is_expected() -> None:
    assert decode(encode([Types.Nat], [200]), [Types.Int]) == [200]


def test_cases_that_do_not_occur_may_be_unknown() -> None:
    newer = Types.Variant({"running": Types.Null, "paused": Types.Nat})
    older = Types.Variant({"running": Types.Null, "stopped": Types.Null})
    assert decode(encode([newer], [{"running": None}]), [older]) == [{"running": None}]
    with pytest.raises(MalformedCandid):
        decode(encode([newer], [{"paused": 5}]), [older])


def test_recursive_values_are_read() -> None:
    chain = Types.Rec()
    chain.fill(Types.Opt(Types.Record({"head": Types.Nat, "tail": chain})))
    value: list[Any] = []
    for number in range(20):
        value = [{"head": number, "tail": value}]
    assert decode(encode([chain], [value]), [chain]) == [value]
    other = Types.Rec()
    other.fill(Types.Opt(Types.Record({"head": Types.Text, "tail": other})))
    with pytest.raises(MalformedCandid, match="another type"):
        decode(encode([chain], [value]), [other])


def test_tuples_are_lists() -> None:
    pair = Types.Tuple(Types.Text, Types.Nat)
    assert decode(encode([pair], [["a", 1]]), [pair]) == [["a", 1]]


MISMATCHES = [
    (Types.Opt(Types.Nat8), [5], Types.Vec(Types.Nat8)),
    (Types.Vec(Types.Nat8), b"\x05", Types.Opt(Types.Nat8)),
    (Types.Vec(Types.Nat8), b"abc", Types.Vec(Types.Nat)),
    (Types.Vec(Types.Nat8), b"abc", Types.Vec(Types.Record({"x": Types.Opt(Types.Nat)}))),
    (Types.Record({"a": Types.Nat}), {"a": 1}, Types.Record({"a": Types.Text})),
    (Types.Record({"a": Types.Nat}), {"a": 1}, Types.Record({"b": Types.Nat})),
    (Types.Record({"a": Types.Nat}), {"a": 1}, Types.Variant({"a": Types.Nat})),
    (Types.Variant({"a": Types.Nat}), {"a": 1}, Types.Record({"a": Types.Nat})),
    (Types.Nat, 1, Types.Opt(Types.Nat)),
    (Types.Int, 1, Types.Nat),
    (Types.Text, "a", Types.Vec(Types.Nat8)),
    (Types.Opt(Types.Opt(Types.Nat)), [[1]], Types.Opt(Types.Nat)),
]


@pytest.mark.parametrize(("written", "value", "expected"), MISMATCHES)
def test_values_of_other_types_are_refused(written: Any, value: Any, expected: Any) -> None:
    with pytest.raises(MalformedCandid):
        decode(encode([written], [value]), [expected])


def test_too_few_values_are_refused() -> None:
    with pytest.raises(MalformedCandid, match="1 values instead of 2"):
        decode(encode([Types.Nat], [1]), [Types.Nat, Types.Nat])


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Types.Nat, -1),
        (Types.Nat, "text"),
        (Types.Nat8, 256),
        (Types.Text, 5),
        (Types.Record({"a": Types.Nat}), {"b": 1}),
        (Types.Variant({"a": Types.Nat}), {"b": 1}),
        (Types.Vec(Types.Nat), 5),
        (Types.Principal, 5),
    ],
)
def test_values_that_do_not_fit_are_not_written(kind: Any, value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode([kind], [value])


def test_as_many_values_as_types_are_written() -> None:
    with pytest.raises(ValueError, match="2 values for 1 types"):
        encode([Types.Nat], [1, 2])


def test_field_hash_is_the_one_of_the_specification() -> None:
    assert field_hash("id") == 23515
    assert field_hash("description") == 1595738364
    assert field_hash("") == 0
