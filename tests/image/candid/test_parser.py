"""Candid texts become the types they describe, whoever wrote them and however."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.image.candid.classes import merged_types
from quri_console.image.candid.parser import DEEPEST_NESTING, LARGEST_GRAPH, field_id, parse_interface
from quri_console.image.candid.tokens import UnusableInterface
from quri_console.image.candid.types import PRIMITIVES, Interface, Kind, Node
from tests.image.candid.made_up import PLAIN, interfaces, service_text
from tests.image.candid.rust_parser import rust_interface

LEDGER = """
// an excerpt of a ledger
type Account = record { owner : principal; subaccount : opt blob };
type Block = record { 7 : nat; parent : opt Block; entries : vec record { text; Value } };
type Value = variant { Nat : nat; Array : vec Value; Map : vec record { text; Value }; Empty };
type Transfer = func (record { to : Account; amount : nat }) -> (variant { Ok : nat; Err : text });
type Ledger = service { transfer : Transfer; balance_of : (account : Account) -> (amount : nat) query };
service ledger : (init : record { minter : Account }, opt text) -> {
  transfer : Transfer;
  "icrc1:blocks" : (from : nat, nat) -> (vec Block, ledger : Ledger) composite_query;
  notify : (func (Block) -> () oneway) -> ();
};
"""
SOME_WORDS = (
    *("type", "service", "record", "variant", "func", "opt", "vec", "blob", "nat", "query", "import", "A", "B"),
    *("(", ")", "{", "}", ";", ":", ",", "->", "=", "1", '"x"'),
)


def same_methods(left: Interface, right: Interface) -> bool:
    first, second = merged_types(left, right).methods
    return first == second


def only_method(text: str) -> tuple[Interface, Node]:
    interface = parse_interface(text)
    (function,) = interface.methods.values()
    return interface, interface.nodes[function]


def argument(text: str) -> tuple[Interface, Node]:
    interface, function = only_method(f"service : {{ m : ({text}) -> () }}")
    return interface, interface.nodes[interface.target(function.arguments[0])]


@pytest.mark.parametrize("kind", sorted(PRIMITIVES))
def test_every_primitive_type_is_known(kind: Kind) -> None:
    assert argument(kind.value)[1].kind is kind


def test_methods_are_found_behind_definitions_and_sorted() -> None:
    interface = parse_interface(LEDGER)
    assert list(interface.methods) == ["icrc1:blocks", "notify", "transfer"]
    transfer = interface.nodes[interface.methods["transfer"]]
    assert (transfer.argument_count, len(transfer.results), transfer.annotation) == (1, 1, "")
    assert interface.nodes[interface.methods["icrc1:blocks"]].annotation == "composite_query"


def test_a_service_may_be_a_definition_and_take_arguments() -> None:
    for service in ("service : S", "service s : S;", "service : (nat, a : text) -> S", "service : () -> { m : F }"):
        interface, function = only_method(
            f"type F = func (nat) -> (); type T = S; type S = service {{ m : F }}; {service}"
        )
        assert interface.nodes[function.arguments[0]].kind is Kind.NAT


@pytest.mark.parametrize("text", ["", "// nothing", "type A = nat", "type A = opt A;", "service : {}", "service : {};"])
def test_a_text_may_have_no_methods(text: str) -> None:
    assert parse_interface(text).methods == {}


def test_the_last_definition_needs_no_semicolon_before_the_service() -> None:
    assert list(parse_interface("type A = nat service : { m : (A) -> () }").methods) == ["m"]


def test_the_ids_of_fields_are_hashes_of_their_names() -> None:
    # the first two are known from answers that were decoded without an interface
    assert field_id("Ok") == 17_724
    assert field_id("Err") == 3_456_837
    assert field_id("") == 0
    assert field_id("ü") == 0xC3 * 223 + 0xBC


def test_tuple_fields_follow_the_field_before() -> None:
    assert argument("record { nat; text; 7 : nat; text; x : nat }")[1].labels == tuple(
        sorted([0, 1, 7, 8, field_id("x")])
    )


def test_type_names_that_are_no_keywords_may_name_fields() -> None:
    _, record = argument("record { text : text; nat : nat; bool : bool; a : record { int } }")
    assert set(record.names) == {"text", "nat", "bool", "a"}


def test_cases_of_variants_without_a_type_hold_null() -> None:
    interface, variant = argument('variant { a; 3; "b c"; d : text }')
    kinds = {
        name or label: interface.nodes[child].kind
        for label, name, child in zip(variant.labels, variant.names, variant.children, strict=True)
    }
    assert kinds == {"a": Kind.NULL, 3: Kind.NULL, "b c": Kind.NULL, "d": Kind.TEXT}


def test_a_blob_is_a_vector_of_bytes() -> None:
    interface, blob = argument("blob")
    assert (blob.kind, interface.nodes[blob.children[0]].kind) == (Kind.VEC, Kind.NAT8)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('import "other.did"; service : {}', "line 1: it imports another file"),
        ("garbage", "'garbage' is not expected"),
        ("service : {} service : {}", "'service' is not expected"),
        ("service : {}; type A = nat", "'type' is not expected"),
        ("type A = nat; type A = nat", "'A' is defined twice"),
        ("type A = B; service : {}", "'B' is not defined"),
        ("type A = B; type B = A; service : {}", "defined by nothing but itself"),
        ("type query = nat", "'query' stands where the name of a type should"),
        ('type "A" = nat', "'A' stands where the name of a type should"),
        ("type A = oneway", "'oneway' stands where"),
        ("service : nat", "'nat' is not defined"),
        ("type A = nat; service : A", "not of a service type"),
        ("service : { m : A }; ", "'A' is not defined"),
        ("type A = nat; service : { m : A }", "the method 'm' is not of a function type"),
        ("type A = nat; type S = service { m : A }", "the method 'm' is not of a function type"),
        ("service : { m : () -> (); m : () -> () }", "the method 'm' occurs twice"),
        ("service : { m : () -> () n : () -> () }", "';' is missing before 'n'"),
        ('service : { m : () -> () "}" : () -> () }', "';' is missing"),
        ("service : { m : nat -> () }", "';' is missing before '->'"),
        ("service : { m : () -> () query query }", "';' is missing before 'query'"),
        ("service : { m : () -> (nat) oneway }", "a oneway function has results"),
        ("service : { m : (: nat) -> () }", "':' stands where"),
        ("service : { m : (nat text) -> () }", "',' is missing before 'text'"),
        ("type A = record { : nat }", "':' stands where"),
        ("type A = record { a : nat; a : text }", "two fields have the id 97"),
        ("type A = record { 97 : nat; a : text }", "two fields have the id 97"),
        ("type A = record { 4294967296 : nat }", "not below 2"),
        ("type A = record { 4294967295 : nat; text }", "not below 2"),
        ("type A = variant { " + "9" * 5000 + " }", "not below 2"),
        ("type A = variant { opt nat }", "'opt' stands where"),
        ("type A = record { query : nat }", "'query' stands where"),
        ("service : {", "stands where the name of a type should"),
        ("service : { m : (", "the end of the text"),
    ],
)
def test_what_is_no_service_description_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(UnusableInterface, match=why):
        parse_interface(text)


def test_a_quoted_number_is_a_name() -> None:
    assert argument('record { "7" : nat }')[1].labels == (field_id("7"),)


def test_types_may_be_nested_just_so_deep() -> None:
    def nested(depth: int) -> str:
        return f"type A = {'record { a : ' * (depth - 1)}nat{' }' * (depth - 1)}"

    parse_interface(nested(DEEPEST_NESTING))
    for depth in (DEEPEST_NESTING + 1, 50_000):
        with pytest.raises(UnusableInterface, match="nested more than 64 deep"):
            parse_interface(nested(depth))


def test_a_text_of_more_types_than_any_canister_has_is_refused() -> None:
    fields = ";".join(f"x{number}" for number in range(LARGEST_GRAPH))
    with pytest.raises(UnusableInterface, match="more than 100000 types and fields"):
        parse_interface(f"type A = variant {{ {fields} }}")


def test_long_chains_of_definitions_need_no_recursion() -> None:
    chain = ";".join(f"type A{number} = A{number + 1}" for number in range(20_000))
    interface, function = only_method(f"{chain}; type A20000 = text; service : {{ m : (A0) -> () }}")
    assert interface.nodes[interface.target(function.arguments[0])].kind is Kind.TEXT


@given(interfaces(), st.randoms(use_true_random=False))
def test_every_text_of_an_interface_is_read_as_that_interface(interface: Interface, chance: random.Random) -> None:
    assert same_methods(parse_interface(service_text(interface, chance)), interface)


@given(interfaces(), st.randoms(use_true_random=False))
def test_the_rust_parser_reads_the_same_types(interface: Interface, chance: random.Random) -> None:
    text = service_text(interface, chance, layouts=PLAIN, methods_by_name=False)
    assert same_methods(parse_interface(text), rust_interface(text))


@given(st.text())
def test_random_text_is_read_or_refused(text: str) -> None:
    with suppress(UnusableInterface):
        parse_interface(text)


@given(st.lists(st.sampled_from(SOME_WORDS), max_size=30))
def test_random_words_are_read_or_refused(found: list[str]) -> None:
    with suppress(UnusableInterface):
        parse_interface(" ".join(found))


@given(
    st.lists(st.tuples(st.integers(0, len(LEDGER)), st.integers(0, 40), st.text(max_size=4)), min_size=1, max_size=4)
)
def test_damaged_text_is_read_or_refused(changes: list[tuple[int, int, str]]) -> None:
    text = LEDGER
    for start, length, replacement in changes:
        text = text[:start] + replacement + text[start + length :]
    with suppress(UnusableInterface):
        parse_interface(text)
