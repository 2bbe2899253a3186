"""Random type graphs, and the many texts that describe the same one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

from quri_console.image.candid.parser import field_id
from quri_console.image.candid.types import FIELDED, PRIMITIVES, WRAPPERS, Interface, Kind, Node
from quri_console.image.candid.writing import quoted_name

FIELD_NAMES = ("a", "b", "owner", "text", "Ok", "a b", "query", 'q"\\', "über", "")
METHOD_NAMES = ("add", "get", "icrc1_transfer", "query", "what ever")
PLAIN = (" ", "\n", "\t ")
COMMENTED = (*PLAIN, "/* a comment /* within */ */", "// a comment\n")

_KINDS = (
    *(Kind.NULL, Kind.NAT, Kind.INT, Kind.NAT8, Kind.TEXT, Kind.RESERVED, Kind.EMPTY, Kind.PRINCIPAL),
    *(Kind.OPT, Kind.VEC, Kind.RECORD, Kind.VARIANT) * 3,
    *(Kind.FUNC, Kind.SERVICE),
)
_LABELS = st.lists(
    st.sampled_from([*[(field_id(name), name) for name in FIELD_NAMES], *[(number, None) for number in (0, 1, 2, 7)]]),
    max_size=4,
    unique_by=lambda label: label[0],
)


@st.composite
def type_graphs(draw: st.DrawFn) -> tuple[Node, ...]:
    """Types that refer to each other in every way; the first is a function."""
    kinds = [Kind.FUNC, *draw(st.lists(st.sampled_from(_KINDS), min_size=1, max_size=8))]
    return tuple(_node(draw, kind, kinds) for kind in kinds)


@st.composite
def interfaces(draw: st.DrawFn) -> Interface:
    """A random graph some of whose functions are methods."""
    nodes = draw(type_graphs())
    functions = st.sampled_from([place for place, node in enumerate(nodes) if node.kind is Kind.FUNC])
    return Interface(nodes, draw(st.dictionaries(st.sampled_from(METHOD_NAMES), functions, min_size=1)))


def _node(draw: st.DrawFn, kind: Kind, kinds: Sequence[Kind]) -> Node:
    anything = st.integers(0, len(kinds) - 1)
    if kind in WRAPPERS:
        return Node(kind, (draw(anything),))
    if kind in FIELDED:
        labels = sorted(draw(_LABELS), key=lambda label: label[0])
        children = tuple(draw(anything) for _ in labels)
        return Node(kind, children, tuple(label for label, _ in labels), tuple(name for _, name in labels))
    if kind is Kind.FUNC:
        children = tuple(draw(st.lists(anything, max_size=3)))
        count = draw(st.integers(0, len(children)))
        annotations = ("", "query", "composite_query", *(["oneway"] if count == len(children) else []))
        annotation = draw(st.sampled_from(annotations))
        return Node(kind, children, names=(None,) * len(children), argument_count=count, annotation=annotation)
    if kind is Kind.SERVICE:
        functions = st.sampled_from([place for place, other in enumerate(kinds) if other is Kind.FUNC])
        names = sorted(draw(st.sets(st.sampled_from(METHOD_NAMES), max_size=2)))
        return Node(kind, tuple(draw(functions) for _ in names), tuple(names))
    return Node(kind)


def service_text(
    interface: Interface, chance: random.Random, *, layouts: Sequence[str] = COMMENTED, methods_by_name: bool = True
) -> str:
    """One of the texts whose types and methods are those of the interface (which has no references)."""
    return "".join(service_parts(interface, chance, layouts=layouts, methods_by_name=methods_by_name))


def service_parts(
    interface: Interface, chance: random.Random, *, layouts: Sequence[str] = COMMENTED, methods_by_name: bool = True
) -> tuple[str, str]:
    """Such a text in two parts: the definitions and the service."""
    author = _Author(interface.nodes, chance, methods_by_name)
    definitions = [["type", author.names[place], "=", *author.body(place, 0)] for place in range(len(interface.nodes))]
    definitions += [["type", name, "=", author.names[place]] for place, name in enumerate(author.aliases)]
    chance.shuffle(definitions)
    methods = Node(Kind.SERVICE, tuple(interface.methods.values()), tuple(interface.methods))
    service = ["service", *chance.choice([[], ["name"]]), ":", *author.init_arguments(), *author.methods(methods, 0)]
    words = [word for definition in definitions for word in (*definition, ";")]
    first, second = ("".join(word + chance.choice(layouts) for word in part) for part in (words, service))
    return first, second


@dataclass
class _Author:
    nodes: Sequence[Node]
    chance: random.Random
    methods_by_name: bool
    names: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for place in range(len(self.nodes)):
            self.names.append(f"{self.chance.choice('ABC_xyz')}{place}_{self.chance.randrange(99)}")
            self.aliases.append(f"also_{self.names[-1]}")

    def init_arguments(self) -> list[str]:
        return self.chance.choice([[], ["(", self.names[0], ",", ")", "->"]])

    def type(self, place: int, depth: int) -> list[str]:
        if depth < 3 and self.chance.random() < 0.4:
            return self.body(place, depth + 1)
        return [self.chance.choice((self.names, self.aliases))[place]]

    def body(self, place: int, depth: int) -> list[str]:
        node = self.nodes[place]
        if node.kind in PRIMITIVES:
            return [node.kind.value]
        if node.kind is Kind.VEC and self.nodes[node.children[0]].kind is Kind.NAT8 and self.chance.random() < 0.5:
            return ["blob"]
        if node.kind in WRAPPERS:
            return [node.kind.value, *self.type(node.children[0], depth)]
        if node.kind is Kind.FUNC:
            return ["func", *self.function(place, depth)]
        if node.kind is Kind.SERVICE:
            return ["service", *self.methods(node, depth)]
        return [node.kind.value, *self.fields(node, depth)]

    def function(self, place: int, depth: int) -> list[str]:
        node = self.nodes[place]
        annotation = [node.annotation] if node.annotation else []
        return [*self.types(node.arguments, depth), "->", *self.types(node.results, depth), *annotation]

    def types(self, places: Sequence[int], depth: int) -> list[str]:
        members = [self.type(place, depth) for place in places]
        return ["(", *self.separated(members, ","), ")"]

    def methods(self, node: Node, depth: int) -> list[str]:
        members = []
        for name, place in zip(node.labels, node.children, strict=True):
            by_name = self.methods_by_name and self.chance.random() < 0.4
            function = [self.chance.choice((self.names, self.aliases))[place]] if by_name else self.function(place, 3)
            members.append([quoted_name(str(name)), ":", *function])
        self.chance.shuffle(members)
        return ["{", *self.separated(members, ";"), "}"]

    def fields(self, node: Node, depth: int) -> list[str]:
        if node.kind is Kind.RECORD and node.labels == tuple(range(len(node.labels))) and self.chance.random() < 0.5:
            members = [self.type(child, depth) for child in node.children]
            return ["{", *self.separated(members, ";"), "}"]
        members = []
        for label, name, child in zip(node.labels, node.names, node.children, strict=True):
            number = self.chance.choice([str(label), f"{label:#x}"])
            called = number if name is None or self.chance.random() < 0.1 else quoted_name(name)
            is_bare = node.kind is Kind.VARIANT and self.nodes[child].kind is Kind.NULL and self.chance.random() < 0.5
            members.append([called] if is_bare else [called, ":", *self.type(child, depth)])
        self.chance.shuffle(members)
        return ["{", *self.separated(members, ";"), "}"]

    def separated(self, members: Sequence[list[str]], separator: str) -> list[str]:
        words = [word for member in members for word in (*member, separator)]
        return words[:-1] if words and self.chance.random() < 0.5 else words
