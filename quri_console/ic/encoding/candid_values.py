"""Candid values with the types that they came with, so that they can be shown and compared without an interface.

Fields and cases are known by the hash of their name, as on the wire.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from quri_console.ic.encoding.candid_budget import (
    DEFAULT_BUDGET,
    Budget,
    Entry,
    MalformedCandid,
    Message,
    Opcode,
    check_budget,
)
from quri_console.ic.encoding.leb128 import read_signed, read_unsigned

_FIXED: dict[int, tuple[str, str]] = {
    -5: ("nat8", "<B"),
    -6: ("nat16", "<H"),
    -7: ("nat32", "<I"),
    -8: ("nat64", "<Q"),
    -9: ("int8", "<b"),
    -10: ("int16", "<h"),
    -11: ("int32", "<i"),
    -12: ("int64", "<q"),
    -13: ("float32", "<f"),
    -14: ("float64", "<d"),
}
NUMBER_KINDS = frozenset(["nat", "int", *(name for name, _ in _FIXED.values())])
FLOAT_KINDS = frozenset(["float32", "float64"])


@dataclass(frozen=True, slots=True)
class Plain:
    """`null`, a truth value, a text, a blob, or None for `reserved`."""

    value: bool | str | bytes | None


@dataclass(frozen=True, slots=True)
class Number:
    """A number; `kind` is its Candid type, or None where a text gives none."""

    value: int | float
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class PrincipalValue:
    """A principal, or what a function or service reference points to."""

    value: bytes
    method: str | None = None


@dataclass(frozen=True, slots=True)
class Opt:
    """`opt`; None is its null."""

    value: Value | None


@dataclass(frozen=True, slots=True)
class Vec:
    """`vec`, but for a vector of nat8, which is a blob."""

    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """Fields by hash, in rising order."""

    fields: tuple[tuple[int, Value], ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """One case by hash."""

    case: int
    value: Value


Value: TypeAlias = Plain | Number | PrincipalValue | Opt | Vec | Record | Variant


def decode_values(data: bytes, *, budget: Budget = DEFAULT_BUDGET) -> tuple[Value, ...]:
    """The values of a message. Raises MalformedCandid, also for one beyond the budget."""
    message = check_budget(data, budget)
    reader = _Reader(data, message)
    try:
        return tuple(reader.value(kind) for kind in message.arguments)
    except UnicodeDecodeError as error:
        raise MalformedCandid("a text in it is not UTF-8") from error


class _Reader:
    """Reads values of a message that was checked before, so that lengths and nesting hold."""

    def __init__(self, data: bytes, message: Message) -> None:
        self._data = data
        self._table = message.table
        self._offset = message.values_start

    def value(self, kind: int) -> Value:
        """The next value, of a type."""
        if kind in _FIXED:
            name, form = _FIXED[kind]
            return Number(struct.unpack(form, self._take(struct.calcsize(form)))[0], name)
        return self._primitive(kind) if kind < 0 else self._constructed(self._table[kind])

    def _constructed(self, entry: Entry) -> Value:
        match entry.opcode:
            case Opcode.OPT:
                return Opt(self.value(entry.members[0]) if self._take(1)[0] else None)
            case Opcode.VEC:
                return self._vector(entry.members[0])
            case Opcode.RECORD:
                fields = zip(entry.labels, entry.members, strict=True)
                return Record(tuple((label, self.value(member)) for label, member in fields))
            case Opcode.VARIANT:
                case = self._unsigned()
                return Variant(entry.labels[case], self.value(entry.members[case]))
        return self._reference(entry.opcode)

    def _primitive(self, kind: int) -> Value:
        match kind:
            case Opcode.BOOL:
                return Plain(self._take(1)[0] == 1)
            case Opcode.NAT:
                return Number(self._unsigned(), "nat")
            case Opcode.INT:
                number, self._offset = read_signed(self._data, self._offset)
                return Number(number, "int")
            case Opcode.TEXT:
                return Plain(self._take(self._unsigned()).decode())
            case Opcode.PRINCIPAL:
                self._take(1)
                return PrincipalValue(self._take(self._unsigned()))
        return Plain(None)

    def _vector(self, element: int) -> Value:
        length = self._unsigned()
        if element == Opcode.NAT8:
            return Plain(self._take(length))
        return Vec(tuple(self.value(element) for _ in range(length)))

    def _reference(self, opcode: int) -> Value:
        if not self._take(1)[0]:
            return Plain(None)
        if opcode == Opcode.FUNC:
            self._take(1)
            target = self._take(self._unsigned())
            return PrincipalValue(target, self._take(self._unsigned()).decode())
        return PrincipalValue(self._take(self._unsigned()))

    def _unsigned(self) -> int:
        number, self._offset = read_unsigned(self._data, self._offset)
        return number

    def _take(self, size: int) -> bytes:
        piece = self._data[self._offset : self._offset + size]
        self._offset += size
        return piece


def same_values(expected: Sequence[Value], actual: Sequence[Value]) -> bool:
    """Whether `actual` is what was written: a number without a type fits every numeric type, null fits an empty opt."""
    return len(expected) == len(actual) and all(map(_same, expected, actual))


def _same(expected: Value, actual: Value) -> bool:
    match expected, actual:
        case Number(), Number():
            same = _same_numbers(expected, actual)
        case Vec(items=left), Vec(items=right):
            same = same_values(left, right)
        case Opt(value=inner), Opt(value=other):
            same = inner is other if inner is None or other is None else _same(inner, other)
        case Record(), Record():
            same = _same_fields(expected, actual)
        case Variant(), Variant():
            same = expected.case == actual.case and _same(expected.value, actual.value)
        case _:
            same = expected == actual or _same_spellings(expected, actual)
    return same


def _same_numbers(expected: Number, actual: Number) -> bool:
    if expected.kind not in (None, actual.kind):
        return False
    return expected.value == actual.value or (math.isnan(expected.value) and math.isnan(actual.value))


def _same_fields(expected: Record, actual: Record) -> bool:
    labels = [[label for label, _ in record.fields] for record in (expected, actual)]
    values = [[value for _, value in record.fields] for record in (expected, actual)]
    return labels[0] == labels[1] and same_values(*values)


def _same_spellings(expected: Value, actual: Value) -> bool:
    """Texts for which only the type decides: null of an opt, and vectors of bytes or of nothing."""
    match expected, actual:
        case Plain(value=None), Opt(value=None):
            return True
        case Plain(value=bytes(content)), Vec(items=()):
            return not content
        case Vec(items=items), Plain(value=bytes(content)):
            return same_values(items, [Number(byte, "nat8") for byte in content])
    return False
