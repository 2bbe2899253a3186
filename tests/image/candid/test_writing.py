"""Types as text: readable as Candid again, and the same for the same type."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.image.candid.classes import merged_types
from quri_console.image.candid.parser import parse_interface
from quri_console.image.candid.types import Interface
from quri_console.image.candid.writing import AuthorsText, TooLarge, filled_in_signature, quoted_name
from tests.image.candid.made_up import interfaces, service_parts


def filled_in(text: str, method: str = "m") -> str:
    merged = merged_types(parse_interface(text))
    return filled_in_signature(merged.nodes, merged.methods[0][method])


def authors(text: str, method: str = "m") -> str:
    interface = parse_interface(text)
    return AuthorsText(interface).signature(interface.methods[method])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a_1", "a_1"),
        ("nat", "nat"),
        ("query", '"query"'),
        ("1a", '"1a"'),
        ("", '""'),
        ('a"\\\n', '"a\\"\\\\\\n"'),
        ("über", '"über"'),
    ],
)
def test_names_are_quoted_where_candid_needs_it(name: str, text: str) -> None:
    assert quoted_name(name) == text


@given(st.text(max_size=20))
def test_a_written_name_is_read_as_that_name(name: str) -> None:
    assert list(parse_interface(f"service : {{ {quoted_name(name)} : () -> () }}").methods) == [name]


def test_the_authors_names_stay_and_layout_and_comments_go() -> None:
    text = """type A = nat; service : { m : (a : A, /* b */ record { y : blob; x : opt A; 3 : text },
        "c d" : func (A) -> () oneway) -> (r : variant { ok; err : text }, service { n : A2; o : () -> () query })
        composite_query }; """
    text = "type A2 = func (nat) -> ();" + text
    assert authors(text) == (
        '(a : A, record { 3 : text; x : opt A; y : blob }, "c d" : func (A) -> () oneway) -> '
        "(r : variant { err : text; ok }, service { n : A2; o : () -> () query }) composite_query"
    )


def test_definitions_are_filled_in_and_names_of_arguments_left_out() -> None:
    text = "type A = record { nat; B }; type B = vec nat8; service : { m : (a : A) -> (b : opt B) query }"
    assert filled_in(text) == "(record { nat; blob }) -> (opt blob) query"


def test_a_type_that_occurs_twice_is_written_once() -> None:
    text = "type A = record { x : nat }; service : { m : (A, opt A) -> (vec nat, vec nat, record {}, record {}) }"
    assert filled_in(text) == "(T1, opt T1) -> (vec nat, vec nat, record {}, record {}) where T1 = record { x : nat }"


def test_a_type_that_contains_itself_is_written_once() -> None:
    assert filled_in("type L = opt record { nat; L }; service : { m : (L) -> () }") == (
        "(T1) -> () where T1 = opt record { nat; T1 }"
    )
    assert filled_in("type V = vec V; service : { m : () -> (V) }") == "() -> (T1) where T1 = vec T1"
    assert filled_in("type F = func (F) -> (); service : { m : F }") == "(T1) -> () where T1 = func (T1) -> ()"


def test_a_type_that_doubles_at_every_step_stays_short() -> None:
    steps = ";".join(f"type A{step} = record {{ a : A{step + 1}; b : A{step + 1} }}" for step in range(40))
    text = filled_in(f"{steps}; type A40 = nat; service : {{ m : (A0) -> () }}")
    assert text.endswith("T39 = record { a : nat; b : nat }")
    assert len(text) < 2_000


@pytest.mark.parametrize(
    "text",
    [
        # deep, wide, and long names
        ";".join(f"type A{step} = opt A{step + 1}" for step in range(70)) + "; type A70 = nat",
        "type A0 = record { " + "; ".join(f"x{number} : opt nat" for number in range(1_500)) + " }",
        f"type A0 = record {{ {'x' * 30_000} : nat }}",
    ],
)
def test_a_text_that_nobody_would_read_is_not_made(text: str) -> None:
    with pytest.raises(TooLarge):
        filled_in(f"{text}; service : {{ m : (A0) -> () }}")


@given(interfaces(), st.randoms(use_true_random=False))
def test_the_authors_text_is_read_as_the_same_type(interface: Interface, chance: random.Random) -> None:
    definitions, service = service_parts(interface, chance)
    read = parse_interface(definitions + service)
    texts = AuthorsText(read)
    methods = "; ".join(f"{quoted_name(name)} : {texts.signature(place)}" for name, place in read.methods.items())
    left, right = merged_types(read, parse_interface(f"{definitions} service : {{ {methods} }}")).methods
    assert left == right


@given(interfaces())
def test_a_filled_in_text_is_read_as_the_same_type(interface: Interface) -> None:
    merged = merged_types(interface)
    for name, function in merged.methods[0].items():
        signature, _, definitions = filled_in_signature(merged.nodes, function).partition(" where ")
        types = "".join(f"type {definition}; " for definition in split_definitions(definitions))
        again = parse_interface(f"{types} service : {{ {quoted_name(name)} : {signature} }}")
        left, right = merged_types(Interface(merged.nodes, {name: function}), again).methods
        assert left == right


def split_definitions(text: str) -> list[str]:
    """The definitions behind `where`: a semicolon outside of braces parts them."""
    parts, depth = [""], 0
    for character in text:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == ";" and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part]
