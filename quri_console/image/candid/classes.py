"""Types of several interfaces merged where they are equal, whatever the definitions are called and however unrolled.

Two types are equal when no walk through them tells them apart. That is the equivalence of states of an automaton, so
Hopcroft's refinement ("process the smaller half") finds it in O(n log n), recursive types included.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from quri_console.image.candid.types import Interface, Kind, Node


@dataclass(frozen=True, slots=True)
class MergedTypes:
    """One node for each distinct type; none is a reference, and different nodes are different types.

    Fields are called as one of the authors called them, arguments have no names.
    """

    nodes: tuple[Node, ...]
    methods: tuple[dict[str, int], ...]
    """Of each interface: the node of each method's function type."""


def merged_types(*interfaces: Interface) -> MergedTypes:
    """The distinct types of all the interfaces together."""
    nodes: list[Node] = []
    methods: list[dict[str, int]] = []
    for interface in interfaces:
        place = _places(interface, len(nodes))
        methods.append({name: place[node] for name, node in interface.methods.items()})
        nodes.extend(
            replace(
                node,
                children=tuple(place[interface.target(child)] for child in node.children),
                names=() if node.kind is Kind.FUNC else node.names,
            )
            for node in interface.nodes
            if node.kind is not Kind.REFERENCE
        )
    block_of = equal_states([node.shape for node in nodes], [node.children for node in nodes])
    merged: dict[int, Node] = {}
    for node, block in zip(nodes, block_of, strict=True):
        if block not in merged:
            merged[block] = replace(node, children=tuple(block_of[child] for child in node.children))
    return MergedTypes(
        nodes=tuple(merged[block] for block in range(len(merged))),
        methods=tuple({name: block_of[node] for name, node in found.items()} for found in methods),
    )


def equal_states(shapes: Sequence[Hashable], children: Sequence[Sequence[int]]) -> list[int]:
    """A number for each state; two states get the same one exactly when shapes and all descendants agree."""
    members: list[set[int]] = []
    block_of = _initial_blocks(shapes, members)
    parents: list[list[tuple[int, int]]] = [[] for _ in shapes]
    for state, successors in enumerate(children):
        for position, successor in enumerate(successors):
            parents[successor].append((position, state))
    waiting = set(range(len(members)))
    while waiting:
        splitter = waiting.pop()
        for states in _predecessors(members[splitter], parents):
            _split(states, members, block_of, waiting)
    return block_of


def _places(interface: Interface, start: int) -> dict[int, int]:
    """Where each node goes when references are left out."""
    kept = (node for node, content in enumerate(interface.nodes) if content.kind is not Kind.REFERENCE)
    return {node: start + place for place, node in enumerate(kept)}


def _initial_blocks(shapes: Sequence[Hashable], members: list[set[int]]) -> list[int]:
    blocks: dict[Hashable, int] = {}
    block_of = []
    for state, shape in enumerate(shapes):
        block = blocks.setdefault(shape, len(blocks))
        if block == len(members):
            members.append(set())
        members[block].add(state)
        block_of.append(block)
    return block_of


def _predecessors(splitter: set[int], parents: list[list[tuple[int, int]]]) -> list[list[int]]:
    """For each child position, the states that have a member of the splitter there."""
    by_position: dict[int, list[int]] = defaultdict(list)
    for state in splitter:
        for position, parent in parents[state]:
            by_position[position].append(parent)
    return list(by_position.values())


def _split(states: list[int], members: list[set[int]], block_of: list[int], waiting: set[int]) -> None:
    """Divide every block of which only a part is among the states; the smaller part becomes a new, waiting block."""
    touched: dict[int, set[int]] = defaultdict(set)
    for state in states:
        touched[block_of[state]].add(state)
    for block, hit in touched.items():
        if len(hit) == len(members[block]):
            continue
        smaller = hit if 2 * len(hit) <= len(members[block]) else members[block] - hit
        new = len(members)
        members[block] -= smaller
        members.append(smaller)
        for state in smaller:
            block_of[state] = new
        # if `block` is still waiting both parts are; if not, the smaller half is enough
        waiting.add(new)
