"""The verdicts are those of the Candid specification, for recursive types too."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given

from quri_console.image.candid.classes import merged_types
from quri_console.image.candid.parser import parse_interface
from quri_console.image.candid.subtyping import Verdict, verdicts
from quri_console.image.candid.types import Interface, Kind, Node
from tests.image.candid.made_up import type_graphs

BREAKS, UNKNOWN, LOSSY, FITS = Verdict
DEFINITIONS = """
type Vec = vec Vec;
type EmptyRecord = record { 0 : EmptyRecord };
type OptRecord = record { 0 : opt OptRecord };
type EmptyVariant = variant { 0 : EmptyVariant };
type Nats = opt record { head : nat; tail : Nats };
type Ints = opt record { head : int; tail : Ints };
type NatTree = variant { leaf : nat; branch : record { NatTree; NatTree } };
type IntTree = variant { leaf : int; branch : record { IntTree; IntTree } };
type Sink = func (nat) -> (Sink);
type WideSink = func (int) -> (WideSink);
"""


def verdict(provided: str, expected: str) -> Verdict:
    interface = parse_interface(f"{DEFINITIONS} service : {{ m : ({provided}, {expected}) -> () }}")
    merged = merged_types(interface)
    pair = merged.nodes[merged.methods[0]["m"]].arguments
    assert len(pair) == 2
    return verdicts(merged.nodes, [(pair[0], pair[1])])[pair[0], pair[1]]


@pytest.mark.parametrize(
    ("provided", "expected", "told"),
    [
        ("nat", "nat", FITS),
        ("nat", "int", FITS),
        ("int", "nat", BREAKS),
        ("nat8", "nat", BREAKS),
        ("nat", "nat8", BREAKS),
        ("text", "blob", BREAKS),
        ("principal", "principal", FITS),
        ("principal", "service {}", BREAKS),
        ("func () -> ()", "reserved", FITS),
        ("reserved", "nat", BREAKS),
        ("empty", "record { a : nat }", FITS),
        ("null", "empty", BREAKS),
        ("vec nat", "vec int", FITS),
        ("vec int", "vec nat", BREAKS),
    ],
)
def test_simple_values(provided: str, expected: str, told: Verdict) -> None:
    assert verdict(provided, expected) is told


@pytest.mark.parametrize(
    ("provided", "expected", "told"),
    [
        ("null", "opt nat", FITS),
        ("nat", "opt nat", FITS),
        ("nat", "opt int", FITS),
        ("empty", "opt nat", FITS),
        ("opt nat", "opt int", FITS),
        ("opt empty", "opt nat", FITS),
        ("opt nat", "nat", BREAKS),
        ("opt int", "opt nat", LOSSY),
        ("nat", "opt bool", LOSSY),
        ("nat", "opt opt nat", LOSSY),
        ("nat", "opt null", LOSSY),
        ("nat", "opt reserved", LOSSY),
        ("reserved", "opt nat", LOSSY),
        ("opt nat", "opt opt nat", FITS),
        ("opt opt int", "opt opt nat", LOSSY),
        ("opt variant { a; b }", "opt variant { a }", LOSSY),
        ("vec opt text", "vec opt nat", LOSSY),
        ("record { a : opt text; b : nat }", "record { a : opt nat; b : text }", BREAKS),
    ],
)
def test_optional_values_take_anything_and_what_does_not_fit_is_lost(
    provided: str, expected: str, told: Verdict
) -> None:
    assert verdict(provided, expected) is told


@pytest.mark.parametrize(
    ("provided", "expected", "told"),
    [
        ("record { a : nat; b : text }", "record { a : int }", FITS),
        ("record {}", "record { a : opt empty }", FITS),
        ("record {}", "record { a : reserved }", FITS),
        ("record {}", "record { a : nat }", BREAKS),
        ("record {}", "record { a : empty }", BREAKS),
        ("record { a : int }", "record { a : nat }", BREAKS),
        ("variant {}", "variant { a : nat }", FITS),
        ("variant { a : nat }", "variant { a : int; b }", FITS),
        ("variant { a; b }", "variant { a }", BREAKS),
        ("variant { a : bool }", "variant { a : nat }", BREAKS),
        ("record { 0 : nat }", "variant { 0 : nat }", BREAKS),
        ("service { m : () -> (); n : () -> () }", "service { m : () -> () }", FITS),
        ("service { m : () -> () }", "service { m : () -> (); n : () -> () }", BREAKS),
        ("service { m : (int) -> () }", "service { m : (nat) -> () }", FITS),
        ("service { m : (nat) -> () }", "service { m : (int) -> () }", BREAKS),
    ],
)
def test_records_may_have_more_fields_variants_fewer_cases_and_services_more_methods(
    provided: str, expected: str, told: Verdict
) -> None:
    assert verdict(provided, expected) is told


def test_an_absent_null_is_left_open_because_implementations_disagree() -> None:
    assert verdict("record {}", "record { a : null }") is UNKNOWN
    assert verdict("opt record {}", "opt record { a : null }") is LOSSY
    assert verdict("record { b : int }", "record { a : null; b : nat }") is BREAKS
    assert verdict("func () -> ()", "func () -> (null)") is UNKNOWN


@pytest.mark.parametrize(
    ("provided", "expected", "told"),
    [
        ("func (int) -> (nat)", "func (nat) -> (int)", FITS),
        ("func (nat) -> ()", "func (int) -> ()", BREAKS),
        ("func () -> (int)", "func () -> (nat)", BREAKS),
        ("func () -> ()", "func (nat) -> ()", FITS),
        ("func (nat) -> ()", "func () -> ()", BREAKS),
        ("func (opt nat) -> ()", "func () -> ()", FITS),
        ("func (reserved) -> ()", "func () -> ()", FITS),
        ("func () -> (nat, text)", "func () -> (nat)", FITS),
        ("func () -> ()", "func () -> (nat)", BREAKS),
        ("func () -> ()", "func () -> (opt nat)", FITS),
        ("func (opt text) -> ()", "func (opt nat) -> ()", LOSSY),
        ("func () -> () query", "func () -> ()", BREAKS),
        ("func () -> () query", "func () -> () composite_query", BREAKS),
        ("func () -> () oneway", "func () -> () oneway", FITS),
    ],
)
def test_functions_take_more_give_less_freedom_and_keep_their_annotation(
    provided: str, expected: str, told: Verdict
) -> None:
    assert verdict(provided, expected) is told


@pytest.mark.parametrize(
    ("provided", "expected", "told"),
    [
        ("EmptyRecord", "record { EmptyRecord }", FITS),
        ("EmptyRecord", "OptRecord", FITS),
        ("EmptyRecord", "empty", BREAKS),
        ("variant { 0 : EmptyVariant }", "EmptyVariant", FITS),
        ("Vec", "vec Vec", FITS),
        ("Vec", "empty", BREAKS),
        ("Nats", "Ints", FITS),
        ("Ints", "Nats", LOSSY),
        ("NatTree", "IntTree", FITS),
        ("IntTree", "NatTree", BREAKS),
        ("WideSink", "Sink", FITS),
        ("Sink", "WideSink", BREAKS),
    ],
)
def test_recursive_types(provided: str, expected: str, told: Verdict) -> None:
    assert verdict(provided, expected) is told


def all_pairs(nodes: tuple[Node, ...]) -> list[tuple[int, int]]:
    return [(provided, expected) for provided in range(len(nodes)) for expected in range(len(nodes))]


@dataclass
class Rules:
    """The rules of the specification one by one, applied to all pairs until no verdict sinks any more."""

    nodes: tuple[Node, ...]
    told: dict[tuple[int, int], Verdict] = field(default_factory=dict)

    def verdicts(self) -> dict[tuple[int, int], Verdict]:
        after = dict.fromkeys(all_pairs(self.nodes), FITS)
        while after != self.told:
            self.told = after
            after = {pair: self.verdict(*pair) for pair in self.told}
        return after

    def verdict(self, provided: int, expected: int) -> Verdict:
        left, right = self.nodes[provided], self.nodes[expected]
        if provided == expected or left.kind is Kind.EMPTY or right.kind is Kind.RESERVED:
            return FITS
        if right.kind is Kind.OPT:
            return self.as_option(provided, right.children[0])
        if left.kind is not right.kind or left.annotation != right.annotation:
            return FITS if (left.kind, right.kind) == (Kind.NAT, Kind.INT) else BREAKS
        if right.kind is Kind.FUNC:
            arguments = self.as_record(dict(enumerate(right.arguments)), dict(enumerate(left.arguments)))
            return min(arguments, self.as_record(dict(enumerate(left.results)), dict(enumerate(right.results))))
        if right.kind is Kind.VEC:
            return self.told[left.children[0], right.children[0]]
        return self.as_members(left, right)

    def as_option(self, provided: int, inside: int) -> Verdict:
        left = self.nodes[provided]
        if left.kind is Kind.NULL:
            return FITS
        if left.kind is Kind.OPT:
            return max(LOSSY, self.told[left.children[0], inside])
        is_nullable = self.nodes[inside].kind in (Kind.NULL, Kind.OPT, Kind.RESERVED)
        return LOSSY if is_nullable else max(LOSSY, self.told[provided, inside])

    def as_members(self, left: Node, right: Node) -> Verdict:
        provided = dict(zip(left.labels, left.children, strict=True))
        expected = dict(zip(right.labels, right.children, strict=True))
        if right.kind is not Kind.VARIANT:
            return self.as_record(provided, expected)
        cases = provided.items()
        told = [self.told[child, expected[label]] if label in expected else BREAKS for label, child in cases]
        return min(told, default=FITS)

    def as_record(self, provided: Mapping[Any, int], expected: Mapping[Any, int]) -> Verdict:
        absent = {Kind.OPT: FITS, Kind.RESERVED: FITS, Kind.NULL: UNKNOWN}
        told = [
            self.told[provided[label], child] if label in provided else absent.get(self.nodes[child].kind, BREAKS)
            for label, child in expected.items()
        ]
        return min(told, default=FITS)


@given(type_graphs())
def test_verdicts_are_those_of_applying_the_rules_until_nothing_changes(graph: tuple[Node, ...]) -> None:
    nodes = merged_types(Interface(graph, {})).nodes
    expected = Rules(nodes).verdicts()
    assert verdicts(nodes, expected) == expected


@given(type_graphs())
def test_a_type_that_fits_a_second_that_fits_a_third_at_least_does_not_break_the_third(graph: tuple[Node, ...]) -> None:
    nodes = merged_types(Interface(graph, {})).nodes
    told = verdicts(nodes, all_pairs(nodes))
    for first, second, third in itertools.product(range(len(nodes)), repeat=3):
        if min(told[first, second], told[second, third]) > UNKNOWN:
            assert told[first, third] is not BREAKS


@given(type_graphs())
def test_a_comparison_cut_short_never_claims_more_than_the_whole_one(graph: tuple[Node, ...]) -> None:
    nodes = merged_types(Interface(graph, {})).nodes
    for pair in all_pairs(nodes):
        whole = verdicts(nodes, [pair])[pair]
        for limit in (0, 3, 8):
            cut = verdicts(nodes, [pair], limit=limit)[pair]
            assert cut is whole or cut in (UNKNOWN, LOSSY)
            assert cut is not LOSSY or whole >= LOSSY
