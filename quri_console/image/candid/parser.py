"""A Candid service text read into its types (Candid specification, "Core Grammar" and "Syntactic Shorthands").

The library that comes with icp-py-core was tried first: its parser ends the whole process on 100,000 nested `opt`,
loses the signature of a method given by a type's name, and cannot tell the field `"7"` from the field 7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from quri_console.image.candid.cursor import Cursor
from quri_console.image.candid.linking import linked_interface
from quri_console.image.candid.tokens import KEYWORDS, Sort, UnusableInterface, describe, number_value
from quri_console.image.candid.types import PRIMITIVES, Interface, Kind, Node

LARGEST_GRAPH = 100_000
"""Types and the connections between them; the interfaces of the largest canisters have some thousands."""
DEEPEST_NESTING = 64

_ANNOTATIONS = ("query", "composite_query", "oneway")
_PRIMITIVE_WORDS = {kind.value: kind for kind in PRIMITIVES}
_FIELD_IDS = 1 << 32


def parse_interface(source: str) -> Interface:
    """The methods and types of a service text; a text without a service has no methods.

    Raises UnusableInterface for text that is not Candid, that imports another file, or that is beyond every bound.
    """
    return _Parser(Cursor.over(source)).interface()


def field_id(name: str) -> int:
    """The id that a field's name stands for."""
    number = 0
    for byte in name.encode():
        number = (number * 223 + byte) % _FIELD_IDS
    return number


@dataclass(slots=True)
class _Parser:
    cursor: Cursor
    depth: int = 0
    size: int = 0
    nodes: list[Node] = field(default_factory=list)
    primitives: dict[Kind, int] = field(default_factory=dict)
    definitions: dict[str, int] = field(default_factory=dict)
    references: dict[str, int] = field(default_factory=dict)

    def interface(self) -> Interface:
        cursor = self.cursor
        while cursor.at_keyword("type") or cursor.at_keyword("import"):
            self.definition()
            if not cursor.accept(";"):
                break
        service = None
        if cursor.accept_keyword("service"):
            service = self.main_service()
            cursor.accept(";")
        if not cursor.at_end:
            raise cursor.error(cursor.word, f"{describe(cursor.word)} is not expected")
        return linked_interface(self.nodes, self.definitions, self.references, service)

    def definition(self) -> None:
        start = self.cursor.take()
        if start.text == "import":
            raise self.cursor.error(start, "it imports another file, which does not come with it")
        name = self.cursor.identifier()
        self.cursor.expect("=")
        if name.text in self.definitions:
            raise self.cursor.error(name, f"the type {describe(name)} is defined twice")
        self.definitions[name.text] = self.type()

    def main_service(self) -> int:
        if self.cursor.word.sort is Sort.WORD:
            self.cursor.identifier()
        self.cursor.expect(":")
        if self.cursor.at("("):
            self.typed_list()
            self.cursor.expect("->")
        return self.service() if self.cursor.at("{") else self.reference()

    def type(self) -> int:
        self.depth += 1
        if self.depth > DEEPEST_NESTING:
            raise self.cursor.error(self.cursor.word, f"types are nested more than {DEEPEST_NESTING} deep")
        word = self.cursor.word
        constructor = _CONSTRUCTORS.get(word.text) if word.sort is Sort.WORD else None
        if word.sort is Sort.WORD and word.text in _PRIMITIVE_WORDS:
            self.cursor.take()
            found = self.primitive(_PRIMITIVE_WORDS[word.text])
        elif constructor is not None:
            self.cursor.take()
            found = constructor(self)
        else:
            found = self.reference()
        self.depth -= 1
        return found

    def opt(self) -> int:
        return self.add(Node(Kind.OPT, (self.type(),)))

    def vec(self) -> int:
        return self.add(Node(Kind.VEC, (self.type(),)))

    def blob(self) -> int:
        return self.add(Node(Kind.VEC, (self.primitive(Kind.NAT8),)))

    def record(self) -> int:
        return self.fields(Kind.RECORD)

    def variant(self) -> int:
        return self.fields(Kind.VARIANT)

    def fields(self, kind: Kind) -> int:
        members: dict[int, tuple[str | None, int]] = {}
        following = 0
        self.cursor.expect("{")
        while not self.cursor.accept("}"):
            start = self.cursor.word
            is_tuple_field = kind is Kind.RECORD and not self.cursor.at_label
            identifier, name = (following, None) if is_tuple_field else self.label()
            if identifier >= _FIELD_IDS:
                raise self.cursor.error(start, "a field id is not below 2^32")
            if identifier in members:
                raise self.cursor.error(start, f"two fields have the id {identifier}")
            has_type = is_tuple_field or self.cursor.accept(":")
            members[identifier] = name, self.type() if has_type else self.primitive(Kind.NULL)
            following = identifier + 1
            self.cursor.separate(";", "}")
        labels = tuple(sorted(members))
        names = tuple(members[label][0] for label in labels)
        return self.add(Node(kind, tuple(members[label][1] for label in labels), labels, names))

    def label(self) -> tuple[int, str | None]:
        if self.cursor.word.sort is not Sort.NUMBER:
            name = self.cursor.name().text
            return field_id(name), name
        number = number_value(self.cursor.take().text)
        return (_FIELD_IDS if number is None else number), None

    def func(self) -> int:
        arguments, argument_names = self.typed_list()
        self.cursor.expect("->")
        results, result_names = self.typed_list()
        end = self.cursor.word
        annotation = next((word for word in _ANNOTATIONS if self.cursor.accept_keyword(word)), "")
        if annotation == "oneway" and results:
            raise self.cursor.error(end, "a oneway function has results")
        names = argument_names + result_names
        return self.add(Node(Kind.FUNC, arguments + results, (), names, len(arguments), annotation))

    def typed_list(self) -> tuple[tuple[int, ...], tuple[str | None, ...]]:
        """Types between parentheses and the names that they may bear."""
        members: list[int] = []
        names: list[str | None] = []
        self.cursor.expect("(")
        while not self.cursor.accept(")"):
            names.append(self.argument_name())
            members.append(self.type())
            self.cursor.separate(",", ")")
        return tuple(members), tuple(names)

    def argument_name(self) -> str | None:
        if not self.cursor.at_label:
            return None
        name = self.cursor.name().text
        self.cursor.expect(":")
        return name

    def service(self) -> int:
        members: dict[str, int] = {}
        self.cursor.expect("{")
        while not self.cursor.accept("}"):
            name = self.cursor.name()
            if name.text in members:
                raise self.cursor.error(name, f"the method {describe(name)} occurs twice")
            self.cursor.expect(":")
            members[name.text] = self.func() if self.cursor.at("(") else self.reference()
            self.cursor.separate(";", "}")
        labels = tuple(sorted(members))
        return self.add(Node(Kind.SERVICE, tuple(members[label] for label in labels), labels))

    def reference(self) -> int:
        """The use of a definition; what it stands for is filled in once all definitions are known."""
        name = self.cursor.identifier().text
        if name not in self.references:
            self.references[name] = self.add(Node(Kind.REFERENCE, names=(name,)))
        return self.references[name]

    def primitive(self, kind: Kind) -> int:
        if kind not in self.primitives:
            self.primitives[kind] = self.add(Node(kind))
        return self.primitives[kind]

    def add(self, node: Node) -> int:
        self.size += 1 + len(node.children)
        if self.size > LARGEST_GRAPH:
            raise UnusableInterface(f"it has more than {LARGEST_GRAPH} types and fields")
        self.nodes.append(node)
        return len(self.nodes) - 1


_CONSTRUCTORS: dict[str, Callable[[_Parser], int]] = {
    "opt": _Parser.opt,
    "vec": _Parser.vec,
    "blob": _Parser.blob,
    "record": _Parser.record,
    "variant": _Parser.variant,
    "func": _Parser.func,
    "service": _Parser.service,
}
assert _CONSTRUCTORS.keys() < KEYWORDS
