"""What the library alone would never return from is refused at once; what is honest and large passes."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import pytest

from quri_console.ic.encoding.candid import Budget, MalformedCandid, Types, decode, encode
from quri_console.ic.encoding.candid_budget import check_budget
from quri_console.ic.encoding.leb128 import encode_signed, encode_unsigned

NULL, BOOL, NAT, NAT8, TEXT, RESERVED, EMPTY, PRINCIPAL = -1, -2, -3, -5, -15, -16, -17, -24
OPT, VEC, RECORD, VARIANT, FUNC, SERVICE = -18, -19, -20, -21, -22, -23


def message(table: list[bytes], arguments: list[int], values: bytes = b"") -> bytes:
    """A message of hand-written types."""
    types = encode_unsigned(len(table)) + b"".join(table)
    kinds = encode_unsigned(len(arguments)) + b"".join(map(encode_signed, arguments))
    return b"DIDL" + types + kinds + values


def vec(element: int) -> bytes:
    return encode_signed(VEC) + encode_signed(element)


def opt(element: int) -> bytes:
    return encode_signed(OPT) + encode_signed(element)


def record(*members: int) -> bytes:
    return _fields(RECORD, members)


def variant(*members: int) -> bytes:
    return _fields(VARIANT, members)


def _fields(opcode: int, members: tuple[int, ...]) -> bytes:
    fields = b"".join(encode_unsigned(label) + encode_signed(kind) for label, kind in enumerate(members))
    return encode_signed(opcode) + encode_unsigned(len(members)) + fields


def doubling(levels: int, end: int) -> list[bytes]:
    """Each record holds the next one twice."""
    return [*(record(level + 1, level + 1) for level in range(levels)), record(end, end)]


MANY = encode_unsigned(1 << 40)

HOSTILE = {
    "vec null of 2^40": message([vec(NULL)], [0], MANY),
    "vec reserved of 2^40": message([vec(RESERVED)], [0], MANY),
    "vec empty of 2^40": message([vec(EMPTY)], [0], MANY),
    "vec of empty records": message([vec(1), record()], [0], MANY),
    "vec of records of nulls": message([vec(1), record(NULL, NULL)], [0], MANY),
    "vec of vecs of null": message([vec(1), vec(NULL)], [0], b"\x05" + encode_unsigned(200_000) * 5),
    "vec of options of 2^40": message([vec(1), opt(NULL)], [0], MANY + b"\x00" * 100),
    "vec nat8 of 2^40": message([vec(NAT8)], [0], MANY),
    "vec nat of 2^40": message([vec(NAT)], [0], MANY),
    "vec bool of 2^40": message([vec(BOOL)], [0], MANY),
    "text of 2^40": message([], [TEXT], MANY),
    "doubling records of null": message(doubling(50, NULL), [0]),
    "doubling records of nat8": message(doubling(50, NAT8), [0], b"\x00" * 1000),
    "doubling records of options": message([*doubling(40, 41), opt(NULL)], [0], b"\x00" * 1000),
    "doubling beyond the depth": message(doubling(5000, NULL), [0]),
    "vec of doubling records": message([vec(1), *(record(n + 2, n + 2) for n in range(60)), record()], [0], b"\x01"),
    "doubling arguments": message(doubling(10, NULL), [0] * 5000),
    "record that holds itself": message([record(0)], [0]),
    "vec that holds itself": message([vec(0)], [0], b"\x01" * 5000),
    "option that holds itself": message([opt(0)], [0], b"\x01" * 5000),
    "variant that holds itself": message([variant(0)], [0], b"\x00" * 5000),
    "a deep chain of types": message([*(vec(n + 1) for n in range(5000)), vec(NULL)], [0], b"\x01" * 5001),
    "2^40 types": b"DIDL" + MANY,
    "2^40 arguments": b"DIDL\x00" + MANY,
    "2^40 fields": message([encode_signed(RECORD) + MANY], [0]),
    "2^40 methods": message([encode_signed(SERVICE) + MANY], [0]),
    "2^40 parameters": message([encode_signed(FUNC) + MANY], [0]),
    "many types": message([opt(NULL)] * 10_001, [NULL]),
    "many fields": message([record(*[NULL] * 5001)] * 2, [NULL]),
    "many arguments": message([], [NULL] * 10_001),
    "a number of a million bytes": message([], [NAT], b"\x80" * 1_000_000 + b"\x00"),
    "a number of 41 bytes": message([], [NAT], b"\x80" * 40 + b"\x00"),
    "an opcode of a million bytes": b"DIDL\x01" + b"\x80" * 1_000_000 + b"\x00",
    "a principal of 30 bytes": message([], [PRINCIPAL], b"\x01\x1e" + bytes(30)),
    "five megabytes": message([vec(NAT8)], [0], encode_unsigned(5_000_000) + bytes(5_000_000)),
}


@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_messages_are_refused_at_once(data: bytes, typed: bool) -> None:
    tracemalloc.start()
    started = time.perf_counter()
    with pytest.raises(MalformedCandid):
        decode(data, [Types.Reserved] if typed else None)
    seconds = time.perf_counter() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 2
    assert peak < 20 << 20


MALFORMED = {
    "nothing": b"",
    "another magic": b"DIDX\x00\x00",
    "a web page": b"<!DOCTYPE html>",
    "cut after the magic": b"DIDL",
    "cut in the table": b"DIDL\x01\x6d",
    "cut in the values": message([], [TEXT], b"\x05abc"),
    "cut before the values": message([], [NAT8]),
    "trailing bytes": message([], [NULL], b"\x00"),
    "unknown opcode": message([encode_signed(-25) + b"\x00"], [NULL]),
    "primitive as entry": message([encode_signed(NAT)], [NULL]),
    "constructor as argument": message([], [VEC]),
    "future primitive": message([], [-40]),
    "index beyond the table": message([vec(1)], [0]),
    "argument beyond the table": message([], [0]),
    "same field twice": message([encode_signed(RECORD) + b"\x02\x01\x7f\x01\x7f"], [0]),
    "fields out of order": message([encode_signed(RECORD) + b"\x02\x02\x7f\x01\x7f"], [0]),
    "field of 2^32": message([encode_signed(RECORD) + b"\x01" + encode_unsigned(1 << 32) + b"\x7f"], [0]),
    "methods out of order": message([encode_signed(SERVICE) + b"\x02\x01b\x01\x01a\x01", b"\x6a\x00\x00\x00"], [NULL]),
    "method that is no function": message([encode_signed(SERVICE) + b"\x01\x01a\x7f"], [NULL]),
    "bool of 2": message([], [BOOL], b"\x02"),
    "option flag of 2": message([opt(NULL)], [0], b"\x02"),
    "opaque principal": message([], [PRINCIPAL], b"\x00"),
    "case beyond the variant": message([variant(NULL)], [0], b"\x01"),
    "variant without cases": message([variant()], [0], b"\x00"),
    "value of the empty type": message([], [EMPTY]),
    "text that is not UTF-8": message([], [TEXT], b"\x01\xff"),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_malformed_messages_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedCandid) as raised:
        decode(data)
    assert raised.value.why


def test_each_limit_can_be_chosen() -> None:
    data = encode([Types.Vec(Types.Opt(Types.Nat))], [[[1], [2], [3]]])
    assert decode(data, budget=Budget(values=7, depth=3, bytes=len(data), types=3)) == [[[1], [2], [3]]]
    for smaller in (Budget(values=6), Budget(depth=2), Budget(bytes=len(data) - 1), Budget(types=2)):
        with pytest.raises(MalformedCandid):
            decode(data, budget=smaller)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Types.Vec(Types.Nat8), bytes(2_000_000)),
        (Types.Text, "x" * 2_000_000),
        (Types.Vec(Types.Nat64), [5] * 200_000),
        (Types.Vec(Types.Record({"name": Types.Text, "value": Types.Nat})), [{"name": "a", "value": 1}] * 20_000),
    ],
)
def test_honest_large_replies_pass(kind: Any, value: Any) -> None:
    data = encode([kind], [value])
    started = time.perf_counter()
    check_budget(data)
    assert time.perf_counter() - started < 1
    assert decode(data, [kind]) == [value]


def test_references_to_functions_and_services_are_stepped_over() -> None:
    method = Types.Func([Types.Nat], [Types.Text], ["query"])
    service = Types.Service({"get": method})
    data = encode([method, service, Types.Nat], [["aaaaa-aa", "run"], "aaaaa-aa", 5])
    assert decode(data)[2] == 5
    assert decode(data, [method, service, Types.Nat])[2] == 5
    opaque = encode([method, Types.Nat], [None, 5])
    assert decode(opaque) == [None, 5]


def test_messages_that_begin_alike_are_read_as_if_each_came_first() -> None:
    kind = Types.Record({"cycles": Types.Nat, "name": Types.Text})
    values = [{"cycles": number, "name": "x" * number} for number in range(3)]
    messages = [encode([kind], [value]) for value in values]
    assert [decode(data, [kind]) for data in messages] == [[value] for value in values]
    assert check_budget(messages[0]) == check_budget(messages[2])
    for cut_off in (messages[0][:-1], messages[0][: check_budget(messages[0]).values_start]):
        with pytest.raises(MalformedCandid):
            decode(cut_off)
    with pytest.raises(MalformedCandid):
        decode(messages[0], budget=Budget(types=2))
    # one whose types go on where the other's end
    longer = encode([kind, Types.Bool], [values[0], True])
    assert decode(longer, [kind, Types.Bool]) == [values[0], True]
