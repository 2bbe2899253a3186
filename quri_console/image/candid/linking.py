"""The uses of type definitions tied to what they stand for (Candid specification, "Type Definitions")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from quri_console.image.candid.tokens import UnusableInterface, excerpt
from quri_console.image.candid.types import Interface, Kind, Node


def linked_interface(
    nodes: list[Node], definitions: Mapping[str, int], references: Mapping[str, int], service: int | None
) -> Interface:
    """The interface whose main service is node `service`, every reference pointing at a type that is none itself.

    Raises UnusableInterface for names without definition, definitions that only name each other, methods that are no
    functions and a main service that is no service.
    """
    for name in references:
        if name not in definitions:
            raise UnusableInterface(f"the type {excerpt(str(name))} is not defined")
    targets = _targets(nodes, definitions)
    linked = tuple(
        replace(node, children=(targets[node.names[0] or ""],)) if node.kind is Kind.REFERENCE else node
        for node in nodes
    )
    interface = Interface(linked, {})
    for node in linked:
        if node.kind is Kind.SERVICE:
            _refuse_methods_that_are_no_functions(interface, node)
    if service is None:
        return interface
    main = linked[interface.target(service)]
    if main.kind is not Kind.SERVICE:
        raise UnusableInterface("its main service is not of a service type")
    methods = {str(name): interface.target(child) for name, child in zip(main.labels, main.children, strict=True)}
    return Interface(linked, methods)


def _targets(nodes: list[Node], definitions: Mapping[str, int]) -> dict[str, int]:
    """What every definition stands for after all renaming."""
    targets: dict[str, int] = {}
    for first in definitions:
        chain: dict[str, None] = {}
        name = first
        while name not in targets and name not in chain:
            chain[name] = None
            body = definitions[name]
            if nodes[body].kind is not Kind.REFERENCE:
                targets[name] = body
                break
            name = nodes[body].names[0] or ""
        if name not in targets:
            raise UnusableInterface(f"the type {excerpt(str(name))} is defined by nothing but itself")
        _point_all(targets, chain, targets[name])
    return targets


def _point_all(targets: dict[str, int], names: Iterable[str], node: int) -> None:
    for name in names:
        targets[name] = node


def _refuse_methods_that_are_no_functions(interface: Interface, service: Node) -> None:
    for name, method in zip(service.labels, service.children, strict=True):
        if interface.nodes[interface.target(method)].kind is not Kind.FUNC:
            raise UnusableInterface(f"the method {excerpt(str(name))} is not of a function type")
