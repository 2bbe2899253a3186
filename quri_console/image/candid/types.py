"""Candid types as the nodes of one graph, so that recursive types need no recursion and equal ones can be merged."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a node is; the value is the Candid keyword, but for REFERENCE."""

    NULL = "null"
    BOOL = "bool"
    NAT = "nat"
    NAT8 = "nat8"
    NAT16 = "nat16"
    NAT32 = "nat32"
    NAT64 = "nat64"
    INT = "int"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    TEXT = "text"
    RESERVED = "reserved"
    EMPTY = "empty"
    PRINCIPAL = "principal"
    OPT = "opt"
    VEC = "vec"
    RECORD = "record"
    VARIANT = "variant"
    FUNC = "func"
    SERVICE = "service"
    REFERENCE = "reference"
    """The use of a type definition by its name."""


WRAPPERS = frozenset({Kind.OPT, Kind.VEC})
FIELDED = frozenset({Kind.RECORD, Kind.VARIANT})
PRIMITIVES = frozenset(Kind) - WRAPPERS - FIELDED - {Kind.FUNC, Kind.SERVICE, Kind.REFERENCE}


@dataclass(frozen=True, slots=True)
class Node:
    """One type. Children are indexes into the node table that the node belongs to."""

    kind: Kind
    children: tuple[int, ...] = ()
    """What `opt`, `vec` and a reference stand before, the fields' types, arguments then results, or the methods."""
    labels: tuple[int | str, ...] = ()
    """Field ids in rising order, or method names in alphabetical order."""
    names: tuple[str | None, ...] = ()
    """How the author called fields, arguments, results or the definition; without meaning for the type."""
    argument_count: int = 0
    """Of a function: how many of the children are arguments."""
    annotation: str = ""
    """Of a function: empty for an update method, else `query`, `composite_query` or `oneway`."""

    @property
    def arguments(self) -> tuple[int, ...]:
        return self.children[: self.argument_count]

    @property
    def results(self) -> tuple[int, ...]:
        return self.children[self.argument_count :]

    @property
    def argument_names(self) -> tuple[str | None, ...]:
        return self.names[: self.argument_count]

    @property
    def result_names(self) -> tuple[str | None, ...]:
        return self.names[self.argument_count :]

    @property
    def shape(self) -> Hashable:
        """All that tells it from other types besides its children."""
        return self.kind, self.labels, self.argument_count, self.annotation, len(self.children)


@dataclass(frozen=True, slots=True)
class Interface:
    """A service text that was read: its types, and where the function type of each method lies."""

    nodes: tuple[Node, ...]
    methods: Mapping[str, int]
    """Method names in alphabetical order."""

    def target(self, node: int) -> int:
        """The node itself or what it refers to; never a reference."""
        return self.nodes[node].children[0] if self.nodes[node].kind is Kind.REFERENCE else node
