"""Equal types become one node, and only equal ones."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from quri_console.image.candid.classes import equal_states, merged_types
from quri_console.image.candid.parser import parse_interface
from quri_console.image.candid.types import Interface, Kind
from tests.image.candid.made_up import interfaces, service_text


@st.composite
def automata(draw: st.DrawFn) -> tuple[list[str], list[list[int]]]:
    """Few shapes and many states, so that most states are almost equal to another."""
    size = draw(st.integers(1, 14))
    degrees = {"leaf": 0, "one": 1, "two": 2, "also two": 2}
    shapes = draw(st.lists(st.sampled_from(sorted(degrees)), min_size=size, max_size=size))
    successor = st.integers(0, size - 1)
    return shapes, [[draw(successor) for _ in range(degrees[shape])] for shape in shapes]


def classes_round_by_round(shapes: list[str], children: list[list[int]]) -> list[object]:
    """Moore's refinement: two states stay equal as long as their shapes and their children's classes are."""
    names: list[object] = list(shapes)
    for _ in shapes:
        numbers: dict[object, int] = {}
        keys = [(shapes[state], tuple(names[child] for child in children[state])) for state in range(len(shapes))]
        names = [numbers.setdefault(key, len(numbers)) for key in keys]
    return names


def parted(numbers: list[object]) -> set[frozenset[int]]:
    return {frozenset(place for place, other in enumerate(numbers) if other == number) for number in numbers}


@given(automata())
def test_states_are_equal_exactly_when_no_round_of_comparing_parts_them(
    automaton: tuple[list[str], list[list[int]]],
) -> None:
    shapes, children = automaton
    assert parted(list(equal_states(shapes, children))) == parted(classes_round_by_round(shapes, children))


@given(interfaces(), st.randoms(use_true_random=False))
def test_two_texts_of_one_interface_have_the_same_types(interface: Interface, chance: random.Random) -> None:
    texts = [parse_interface(service_text(interface, chance)) for _ in range(2)]
    merged = merged_types(*texts)
    assert merged.methods[0] == merged.methods[1]
    assert len(merged_types(Interface(merged.nodes, merged.methods[0])).nodes) == len(merged.nodes)


def test_a_type_unrolled_once_is_the_same_type() -> None:
    rolled = "type L = opt record { nat; L }; service : { m : (L) -> () }"
    unrolled = "type M = opt record { nat; N }; type N = opt record { nat; M }; service : { m : (M) -> () }"
    left, right = merged_types(parse_interface(rolled), parse_interface(unrolled)).methods
    assert left == right


def test_merged_types_hold_no_references_and_no_names_of_arguments() -> None:
    text = "type A = nat; type B = A; service : { m : (a : A, b : B, c : nat) -> (d : B) }"
    merged = merged_types(parse_interface(text))
    assert {node.kind for node in merged.nodes} == {Kind.NAT, Kind.FUNC, Kind.SERVICE}
    assert not any(node.names for node in merged.nodes)


def test_a_long_chain_of_almost_equal_types_is_parted_without_recursion() -> None:
    size = 20_000
    shapes = ["opt"] * (size - 1) + ["nat"]
    children = [[state + 1] for state in range(size - 1)] + [[]]
    assert len(set(equal_states(shapes, children))) == size
