"""What a Candid message may cost, settled before the library decodes it.

icp_candid believes every length: 12 bytes (`vec null` of 2^40 elements, a table of records that double) keep it busy
for ever. This walk follows the type table and the values as the Candid specification ("Binary format") lays them out,
charges every value against a budget, values of no size included, and refuses whatever exceeds it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from quri_console.errors import NetworkError
from quri_console.ic.encoding.leb128 import MalformedLeb128, read_signed, read_unsigned

MAGIC = b"DIDL"


class MalformedCandid(NetworkError):
    """The bytes are not Candid, not of the expected type, or cost more than the budget allows."""

    def __init__(self, why: str) -> None:
        super().__init__("The canister's answer cannot be decoded as Candid", why=why)


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one message may ask for."""

    values: int = 500_000
    depth: int = 64
    bytes: int = 4 << 20
    types: int = 10_000
    """Entries of the type table, their fields and the types of functions and services."""


DEFAULT_BUDGET = Budget()


class Opcode(IntEnum):
    """Types as the type table writes them."""

    NULL = -1
    BOOL = -2
    NAT = -3
    INT = -4
    NAT8 = -5
    INT8 = -9
    TEXT = -15
    RESERVED = -16
    EMPTY = -17
    OPT = -18
    VEC = -19
    RECORD = -20
    VARIANT = -21
    FUNC = -22
    SERVICE = -23
    PRINCIPAL = -24


FIXED_SIZES = {-1: 0, -2: 1, -5: 1, -6: 2, -7: 4, -8: 8, -9: 1, -10: 2, -11: 4, -12: 8, -13: 4, -14: 8, -16: 0}
"""Bytes of the primitive types that always have the same size."""

_PRIMITIVES = frozenset(range(-17, 0)) | {Opcode.PRINCIPAL}
_MAX_PRINCIPAL_BYTES = 29
_FIELD_NUMBERS = 1 << 32
_REMEMBERED_HEADERS = 8
_REMEMBERED_HEADER_BYTES = 4096
_UNCOUNTABLE = 1 << 62  # stands for every number of values beyond any budget


class Entry(NamedTuple):
    """One constructed type: for records and variants `labels` are the field hashes, else they are empty."""

    opcode: int
    members: tuple[int, ...]
    labels: tuple[int, ...] = ()


class FixedCost(NamedTuple):
    """What each value of a type costs, when all cost the same."""

    values: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Message:
    """The types of a message and where its values begin. A type ≥ 0 is an index into the table, < 0 a primitive."""

    table: tuple[Entry, ...]
    arguments: tuple[int, ...]
    values_start: int


def check_budget(data: bytes, budget: Budget = DEFAULT_BUDGET) -> Message:
    """The types of a message whose values fit the budget; raises MalformedCandid for every other input."""
    if len(data) > budget.bytes:
        raise MalformedCandid(f"it has {len(data):,} bytes, more than the {budget.bytes:,} allowed")
    if not data.startswith(MAGIC):
        raise MalformedCandid("it does not begin with DIDL")
    try:
        message = _types_of(data, budget.types)
        walk = _ValueWalk(data, message.table, budget, message.values_start)
        for argument in message.arguments:
            walk.value(argument, budget.depth)
    except MalformedLeb128 as error:
        raise MalformedCandid(error.what) from error
    if walk.offset != len(data):
        raise MalformedCandid("bytes follow its last value")
    return message


@dataclass(frozen=True, slots=True)
class _KnownHeader:
    """What comes before the values of a message that was read before; answers of one method mostly share it."""

    header: bytes
    message: Message
    types: int


_known_headers: tuple[_KnownHeader, ...] = ()


def _types_of(data: bytes, types: int) -> Message:
    """The types of a message, read once for messages that begin alike; replaced whole, so threads need no lock."""
    global _known_headers  # noqa: PLW0603
    for known in _known_headers:
        if known.types <= types and data.startswith(known.header):
            return known.message
    reader = _TypeReader(data, types)
    message = reader.read()
    if message.values_start <= _REMEMBERED_HEADER_BYTES:
        known = _KnownHeader(data[: message.values_start], message, types - reader.remaining)
        _known_headers = (known, *_known_headers[: _REMEMBERED_HEADERS - 1])
    return message


@dataclass(slots=True)
class _TypeReader:
    """Reads the type table and the argument types; every step takes at least one byte."""

    data: bytes
    remaining: int
    offset: int = len(MAGIC)
    table_size: int = 0

    def read(self) -> Message:
        self.table_size = self._count()
        table = tuple(self._entry() for _ in range(self.table_size))
        for entry in table:
            if entry.opcode == Opcode.SERVICE and any(m < 0 or table[m].opcode != Opcode.FUNC for m in entry.members):
                raise MalformedCandid("a service has a method that is not a function")
        return Message(table, self._types(), self.offset)

    def _entry(self) -> Entry:
        opcode, self.offset = read_signed(self.data, self.offset)
        match opcode:
            case Opcode.OPT | Opcode.VEC:
                return Entry(opcode, (self._type(),))
            case Opcode.RECORD | Opcode.VARIANT:
                return self._fields(opcode)
            case Opcode.FUNC:
                members = self._types() + self._types()
                self._skip(self._count())  # annotations, one byte each
                return Entry(opcode, members)
            case Opcode.SERVICE:
                return Entry(opcode, self._methods())
        raise MalformedCandid(f"its type table has the unknown type {opcode}")

    def _fields(self, opcode: int) -> Entry:
        labels: list[int] = []
        members: list[int] = []
        for _ in range(self._count()):
            label, self.offset = read_unsigned(self.data, self.offset)
            if label >= _FIELD_NUMBERS or (labels and label <= labels[-1]):
                raise MalformedCandid("the fields of a type are not in order")
            labels.append(label)
            members.append(self._type())
        return Entry(opcode, tuple(members), tuple(labels))

    def _methods(self) -> tuple[int, ...]:
        methods: list[int] = []
        previous: bytes | None = None
        for _ in range(self._count()):
            length, start = read_unsigned(self.data, self.offset)
            self.offset = start
            self._skip(length)
            name = self.data[start : self.offset]
            if previous is not None and name <= previous:
                raise MalformedCandid("the methods of a service are not in order")
            previous = name
            methods.append(self._type())
        return tuple(methods)

    def _types(self) -> tuple[int, ...]:
        return tuple(self._type() for _ in range(self._count()))

    def _type(self) -> int:
        kind, self.offset = read_signed(self.data, self.offset)
        if kind >= self.table_size or (kind < 0 and kind not in _PRIMITIVES):
            raise MalformedCandid(f"it refers to the unknown type {kind}")
        return kind

    def _count(self) -> int:
        count, self.offset = read_unsigned(self.data, self.offset)
        self.remaining -= count
        if self.remaining < 0:
            raise MalformedCandid("its type table is larger than allowed")
        return count

    def _skip(self, size: int) -> None:
        self.offset += size
        if self.offset > len(self.data):
            raise MalformedCandid("it is cut short")


@dataclass(slots=True)
class _ValueWalk:
    """Steps over the values; a step costs no more time than the budget it takes or the bytes it consumes."""

    data: bytes
    table: tuple[Entry, ...]
    budget: Budget
    offset: int
    remaining: int = field(init=False)
    fixed: dict[int, FixedCost | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.remaining = self.budget.values

    def value(self, kind: int, depth: int) -> None:
        """Charge and step over one value of a type."""
        if depth <= 0:
            raise MalformedCandid(f"its values nest deeper than {self.budget.depth}")
        fixed = self._fixed_cost(kind, depth)
        if fixed is not None:
            self._charge(fixed.values)
            self._skip(fixed.bytes)
        elif kind < 0:
            self._charge(1)
            self._primitive(kind)
        else:
            self._charge(1)
            self._constructed(self.table[kind], depth)

    def _primitive(self, kind: int) -> None:
        match kind:
            case Opcode.NAT | Opcode.INT:
                self._number()
            case Opcode.TEXT:
                self._skip(self._number())
            case Opcode.PRINCIPAL:
                self._principal()
            case _:
                raise MalformedCandid("it holds a value of the empty type")

    def _constructed(self, entry: Entry, depth: int) -> None:
        match entry.opcode:
            case Opcode.OPT:
                if self._flag():
                    self.value(entry.members[0], depth - 1)
            case Opcode.VEC:
                self._vector(entry.members[0], self._number(), depth - 1)
            case Opcode.RECORD:
                for member in entry.members:
                    self.value(member, depth - 1)
            case Opcode.VARIANT:
                chosen = self._number()
                if chosen >= len(entry.members):
                    raise MalformedCandid("a variant names a case that its type does not have")
                self.value(entry.members[chosen], depth - 1)
            case _:
                self._reference(entry.opcode)

    def _vector(self, element: int, length: int, depth: int) -> None:
        fixed = self._fixed_cost(element, depth)
        if element == Opcode.NAT8:
            self._skip(length)  # a blob is one value
        elif fixed is not None:
            self._charge(fixed.values * length)
            self._skip(fixed.bytes * length)
        elif length > self.remaining:
            self._charge(length)
        else:
            for _ in range(length):
                self.value(element, depth)

    def _reference(self, opcode: int) -> None:
        if not self._flag():
            return
        if opcode == Opcode.FUNC:
            self._principal()
            self._skip(self._number())
        else:
            self._principal_bytes()

    def _principal(self) -> None:
        if not self._flag():
            raise MalformedCandid("it holds an opaque principal")
        self._principal_bytes()

    def _principal_bytes(self) -> None:
        length = self._number()
        if length > _MAX_PRINCIPAL_BYTES:
            raise MalformedCandid("a principal is longer than 29 bytes")
        self._skip(length)

    def _flag(self) -> bool:
        self._skip(1)
        flag = self.data[self.offset - 1]
        if flag > 1:
            raise MalformedCandid(f"a flag is {flag} instead of 0 or 1")
        return flag == 1

    def _number(self) -> int:
        number, self.offset = read_unsigned(self.data, self.offset)
        return number

    def _skip(self, size: int) -> None:
        self.offset += size
        if self.offset > len(self.data):
            raise MalformedCandid("it is cut short")

    def _charge(self, values: int) -> None:
        self.remaining -= values
        if self.remaining < 0:
            raise MalformedCandid(f"it holds more than the {self.budget.values:,} values allowed")

    def _fixed_cost(self, kind: int, depth: int) -> FixedCost | None:
        """The cost of a type whose values all cost the same; None for others, among them types that hold themselves."""
        if kind < 0:
            size = FIXED_SIZES.get(kind)
            return None if size is None else FixedCost(1, size)
        if kind not in self.fixed:
            self.fixed[kind] = None  # what a type that holds itself finds
            self.fixed[kind] = self._record_cost(self.table[kind], depth - 1)
        return self.fixed[kind]

    def _record_cost(self, entry: Entry, depth: int) -> FixedCost | None:
        if entry.opcode != Opcode.RECORD or depth <= 0:
            return None
        costs = [self._fixed_cost(member, depth) for member in entry.members]
        known = [cost for cost in costs if cost is not None]
        if len(known) < len(costs):
            return None
        values = 1 + sum(cost.values for cost in known)
        return FixedCost(min(values, _UNCOUNTABLE), sum(cost.bytes for cost in known))
