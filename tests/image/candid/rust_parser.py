"""What the Rust parser that comes with icp-py-core makes of a text: an independent witness, with known gaps.

It loses the signature of methods given by a definition's name, and tells quoted digits from field numbers only by
underscores between thousands; the texts that it is given avoid both.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from _ic_candid_core import _ic_candid_core as library

from quri_console.image.candid.parser import field_id
from quri_console.image.candid.types import Interface, Kind, Node


def rust_interface(text: str) -> Interface:
    """The types and methods that the Rust parser tells."""
    told = json.loads(library.parse_did(text))
    reading = _Reading({entry["name"]: entry["datatype"] for entry in told["env"]})
    methods = {method["name"]: reading.add_function(method) for method in told["actor"]["methods"]}
    return Interface(tuple(reading.nodes), methods)


@dataclass
class _Reading:
    definitions: dict[str, Any]
    nodes: list[Node] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)

    def place_of(self, told: Any) -> int:
        if told["type"] != "Id":
            return self.add_type(told)
        name = told["value"]
        if name not in self.places:
            body = self.definitions[name]
            if body["type"] == "Id":
                self.places[name] = self.place_of(body)
            else:
                # taken before the type is read: it may contain itself
                self.places[name] = len(self.nodes)
                self.add_type(body)
        return self.places[name]

    def add_type(self, told: Any) -> int:
        value = told.get("value")
        match told["type"]:
            case "Prim" | "Principal":
                return self.add(Kind(value or "principal"), [])
            case "Opt" | "Vec" as kind:
                return self.add(Kind(kind.lower()), [value])
            case "Record" | "Variant" as kind:
                fields = sorted((_field_number(name), child) for name, child in value)
                labels = tuple(label for label, _ in fields)
                return self.add(Kind(kind.lower()), [child for _, child in fields], labels=labels)
            case "Func":
                return self.add_function(value)
        methods = sorted(value, key=lambda method: method["name"])
        functions = [{"type": "Func", "value": method} for method in methods]
        return self.add(Kind.SERVICE, functions, labels=tuple(method["name"] for method in methods))

    def add_function(self, told: Any) -> int:
        annotation = "".join(told["modes"]).replace("compositequery", "composite_query")
        children = [*told["args"], *told["rets"]]
        return self.add(Kind.FUNC, children, argument_count=len(told["args"]), annotation=annotation)

    def add(self, kind: Kind, children: list[Any], **rest: Any) -> int:
        place = len(self.nodes)
        self.nodes.append(Node(kind))
        self.nodes[place] = Node(kind, tuple(self.place_of(child) for child in children), **rest)
        return place


def _field_number(name: str) -> int:
    digits = name.replace("_", "")
    return int(digits) if digits.isdecimal() else field_id(name)
