"""Candid types as text on one line: as their author wrote them, or with every definition filled in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from quri_console.image.candid.tokens import KEYWORDS
from quri_console.image.candid.types import FIELDED, WRAPPERS, Interface, Kind, Node

LARGEST_FILLED_IN = 2_000
"""Types in one signature that is written with its definitions filled in."""
DEEPEST_FILLED_IN = 64
LONGEST_FILLED_IN = 20_000
"""Characters of such a text; names can be long as well."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUOTED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_WriteChild = Callable[[int], str]


class TooLarge(Exception):
    """The filled-in text would be longer than anybody reads."""


def quoted_name(name: str) -> str:
    """A name as Candid writes it: in quotes unless it is an identifier and no keyword."""
    if _IDENTIFIER.fullmatch(name) and name not in KEYWORDS:
        return name
    return f'"{name.translate(_QUOTED)}"'


@dataclass(slots=True)
class AuthorsText:
    """The texts of an interface's functions with the author's names for types and arguments, each made once."""

    interface: Interface
    _made: dict[tuple[str, int], str] = field(default_factory=dict)

    def arguments(self, function: int) -> str:
        node = self.interface.nodes[function]
        return self._once("arguments", function, lambda: _list(node.arguments, node.argument_names, self._type))

    def results(self, function: int) -> str:
        node = self.interface.nodes[function]
        return self._once("results", function, lambda: _list(node.results, node.result_names, self._type))

    def signature(self, function: int) -> str:
        node = self.interface.nodes[function]
        return self._once("signature", function, lambda: _signature_text(node, self._type))

    def _once(self, part: str, function: int, make: Callable[[], str]) -> str:
        if (part, function) not in self._made:
            self._made[part, function] = make()
        return self._made[part, function]

    def _type(self, index: int) -> str:
        node = self.interface.nodes[index]
        is_reference = node.kind is Kind.REFERENCE
        return str(node.names[0]) if is_reference else _type_text(self.interface.nodes, node, self._type)


def filled_in_signature(nodes: Sequence[Node], function: int) -> str:
    """A function type of merged nodes, equal for equal types: `(T1) -> (opt T1) query where T1 = record { … }`.

    Names of arguments are left out. Records, variants, functions and services that occur more than once, and types
    that contain themselves, are written once behind `where`. Raises TooLarge beyond the bounds above.
    """
    text = _FilledIn(nodes, _shared_types(nodes, function)).signature(function)
    if len(text) > LONGEST_FILLED_IN:
        raise TooLarge
    return text


@dataclass(slots=True)
class _FilledIn:
    nodes: Sequence[Node]
    shared: frozenset[int]
    numbers: dict[int, int] = field(default_factory=dict)

    def signature(self, function: int) -> str:
        text = _signature_text(self.nodes[function], self._type)
        definitions: list[str] = []
        while len(definitions) < len(self.numbers):
            index = list(self.numbers)[len(definitions)]
            definitions.append(f"{self._type(index)} = {_type_text(self.nodes, self.nodes[index], self._type)}")
        return f"{text} where {'; '.join(definitions)}" if definitions else text

    def _type(self, index: int) -> str:
        if index in self.shared:
            return f"T{self.numbers.setdefault(index, len(self.numbers) + 1)}"
        return _type_text(self.nodes, self.nodes[index], self._type)


def _shared_types(nodes: Sequence[Node], function: int) -> frozenset[int]:
    """The types that are to be written once; raises TooLarge."""
    uses: Counter[int] = Counter()
    recursive: set[int] = set()
    path: set[int] = set()
    budget = LARGEST_FILLED_IN

    def visit(index: int) -> None:
        nonlocal budget
        budget -= 1
        if budget < 0 or len(path) > DEEPEST_FILLED_IN:
            raise TooLarge
        uses[index] += 1
        if index in path:
            recursive.add(index)
        elif uses[index] == 1 or nodes[index].kind in WRAPPERS:
            path.add(index)
            for child in nodes[index].children:
                visit(child)
            path.discard(index)

    visit(function)
    repeated = {
        index
        for index, count in uses.items()
        if count > 1 and nodes[index].children and nodes[index].kind not in WRAPPERS
    }
    return frozenset(repeated | recursive)


def _signature_text(node: Node, write: _WriteChild) -> str:
    arguments = _list(node.arguments, node.argument_names, write)
    results = _list(node.results, node.result_names, write)
    return " ".join(part for part in (arguments, "->", results, node.annotation) if part)


def _list(children: Sequence[int], names: Sequence[str | None], write: _WriteChild) -> str:
    """Between parentheses; merged functions have no names for their arguments."""
    called = names or [None] * len(children)
    return f"({', '.join(_named(name, write(child)) for name, child in zip(called, children, strict=True))})"


def _named(name: str | None, text: str) -> str:
    return text if name is None else f"{quoted_name(name)} : {text}"


def _type_text(nodes: Sequence[Node], node: Node, write: _WriteChild) -> str:
    if node.kind is Kind.VEC and nodes[node.children[0]].kind is Kind.NAT8:
        return "blob"
    if node.kind in WRAPPERS:
        return f"{node.kind} {write(node.children[0])}"
    if node.kind is Kind.FUNC:
        return f"func {_signature_text(node, write)}"
    if node.kind in FIELDED:
        return _braced(node.kind, _field_texts(nodes, node, write))
    if node.kind is Kind.SERVICE:
        methods = zip(node.labels, node.children, strict=True)
        texts = [f"{quoted_name(str(name))} : {write(child).removeprefix('func ')}" for name, child in methods]
        return _braced(node.kind, texts)
    return node.kind.value


def _braced(kind: Kind, members: Sequence[str]) -> str:
    return f"{kind} {{ {'; '.join(members)} }}" if members else f"{kind} {{}}"


def _field_texts(nodes: Sequence[Node], node: Node, write: _WriteChild) -> list[str]:
    """Fields without a name first, by number, then the others by name."""
    is_tuple = node.kind is Kind.RECORD and node.labels == tuple(range(len(node.labels))) and set(node.names) <= {None}
    if is_tuple:
        return [write(child) for child in node.children]
    fields = sorted(
        zip(node.names, node.labels, node.children, strict=True),
        key=lambda entry: (entry[0] is not None, entry[0] or "", entry[1]),
    )
    texts = []
    for name, label, child in fields:
        called = str(label) if name is None else quoted_name(name)
        is_bare = node.kind is Kind.VARIANT and nodes[child].kind is Kind.NULL
        texts.append(called if is_bare else f"{called} : {write(child)}")
    return texts
