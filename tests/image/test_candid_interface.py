"""Two interfaces side by side: what changed, and whether clients of the one can call the other."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.image.candid.types import Interface
from quri_console.image.candid_interface import (
    ChangedMethod,
    InterfaceChanges,
    Method,
    UnusableInterface,
    compare_interfaces,
    methods_of,
)
from quri_console.image.sections import module_facts
from tests.image.candid.made_up import interfaces, service_text

FLEET = Path(__file__).parents[2] / "quri_console" / "localnet" / "fleet"

BEFORE = """
type Account = record { owner : principal; subaccount : opt blob };
type Result = variant { Ok : nat; Err : text };
service : {
  balance_of : (account : Account) -> (nat) query;
  transfer : (to : Account, amount : nat) -> (Result);
  burn : (nat) -> ();
}"""
AFTER = """
// the same, by another team
type Identity = record { subaccount : opt blob; owner : principal };
type Outcome = variant { Err : text; Ok : nat; Later };
service ledger : (admin : principal) -> {
  transfer : (Identity, nat) -> (Outcome);
  balance_of : (Identity) -> (nat) query;
  mint : (to : Identity) -> (Outcome);
}"""


def only_change(left: str, right: str, definitions: str = "") -> ChangedMethod:
    """Of a service whose one method has these signatures."""
    before, after = (f"{definitions} service : {{ m : {signature} }}" for signature in (left, right))
    (change,) = compare_interfaces(before, after).changed
    return change


def test_methods_are_told_as_their_author_wrote_them() -> None:
    assert methods_of(BEFORE) == (
        Method("balance_of", "(account : Account)", "(nat)", "query"),
        Method("burn", "(nat)", "()", ""),
        Method("transfer", "(to : Account, amount : nat)", "(Result)", ""),
    )
    assert [method.signature for method in methods_of(BEFORE)] == [
        "(account : Account) -> (nat) query",
        "(nat) -> ()",
        "(to : Account, amount : nat) -> (Result)",
    ]


@pytest.mark.parametrize("path", sorted(FLEET.glob("*.wasm.gz")), ids=lambda path: path.name)
def test_a_real_modules_interface_names_its_exported_methods(path: Path) -> None:
    facts = module_facts(path.read_bytes())
    assert facts.candid_interface is not None
    methods = methods_of(facts.candid_interface)
    assert methods
    assert {method.name for method in methods if not method.annotation} <= set(facts.updates)
    assert {method.name for method in methods if method.annotation == "query"} <= set(facts.queries)
    assert compare_interfaces(facts.candid_interface, facts.candid_interface) == InterfaceChanges(is_known=True)


def test_added_removed_and_changed_methods_are_told_and_unchanged_ones_are_not() -> None:
    changes = compare_interfaces(BEFORE, AFTER)
    assert changes.added == (Method("mint", "(to : Identity)", "(Outcome)", ""),)
    assert changes.removed == (Method("burn", "(nat)", "()", ""),)
    account = "record { owner : principal; subaccount : opt blob }"
    assert changes.changed == (
        ChangedMethod(
            name="transfer",
            left=f"({account}, nat) -> (variant {{ Err : text; Ok : nat }})",
            right=f"({account}, nat) -> (variant {{ Err : text; Later; Ok : nat }})",
            compatible=False,
            may_lose_values=False,
        ),
    )
    assert changes.differs
    assert changes.compatible is False


def test_an_unknown_interface_is_compared_with_nothing() -> None:
    for left, right in ((None, None), (None, BEFORE), (BEFORE, None)):
        changes = compare_interfaces(left, right)
        assert changes == InterfaceChanges(is_known=False)
        assert changes.compatible is None
        assert not changes.differs


def test_an_added_method_breaks_nobody_and_a_removed_one_does() -> None:
    less, more = "service : { m : () -> () }", "service : { m : () -> (); n : () -> () }"
    assert compare_interfaces(less, more).compatible is True
    assert compare_interfaces(more, less).compatible is False


@pytest.mark.parametrize(
    ("left", "right", "compatible"),
    [
        ("(nat) -> (int)", "(int) -> (nat)", True),
        ("(int) -> ()", "(nat) -> ()", False),
        ("() -> (nat)", "() -> (int)", False),
        ("(record { a : nat }) -> ()", "(record { a : nat; b : opt nat }) -> ()", True),
        ("(record { a : nat }) -> ()", "(record { a : nat; b : nat }) -> ()", False),
        ("(record { a : nat }) -> ()", "(record { a : nat; b : null }) -> ()", None),
        ("() -> (record { a : nat })", "() -> (record { a : nat; b : nat })", True),
        ("(variant { a }) -> ()", "(variant { a; b }) -> ()", True),
        ("() -> (variant { a })", "() -> (variant { a; b })", False),
        ("() -> (nat)", "() -> (nat) query", False),
        ("() -> () query", "() -> () composite_query", False),
        ("(nat) -> ()", "(nat, opt text) -> ()", True),
        ("(nat) -> ()", "(nat, text) -> ()", False),
        ("(nat, text) -> ()", "(nat) -> ()", True),
    ],
)
def test_a_change_is_compatible_when_clients_of_the_left_can_call_the_right(
    left: str, right: str, compatible: bool | None
) -> None:
    change = only_change(left, right)
    assert change.compatible is compatible
    assert not change.may_lose_values
    assert compare_interfaces(f"service : {{ m : {left} }}", f"service : {{ m : {right} }}").compatible is compatible


def test_values_that_would_silently_become_null_are_told() -> None:
    change = only_change("() -> (opt nat)", "() -> (opt text)")
    assert (change.compatible, change.may_lose_values) == (True, True)


def test_a_doubtful_method_does_not_hide_a_broken_one() -> None:
    left = "service : { m : () -> (record { a : null }); n : () -> (nat) }"
    right = "service : { m : () -> (record {}); n : () -> () }"
    changes = compare_interfaces(left, right)
    assert [change.compatible for change in changes.changed] == [None, False]
    assert changes.compatible is False


def test_a_change_deep_in_a_shared_type_shows_in_both_texts() -> None:
    change = only_change(
        "(A) -> (B)", "(B) -> (B)", "type A = record { x : B; next : opt A }; type B = record { y : nat };"
    )
    assert change.left == "(T1) -> (T2) where T1 = record { next : opt T1; x : T2 }; T2 = record { y : nat }"
    assert change.right == "(T1) -> (T1) where T1 = record { y : nat }"


def test_signatures_too_long_to_fill_in_are_told_as_written() -> None:
    fields = "; ".join(f"x{number} : opt nat" for number in range(2_000))
    change = only_change("(a : A) -> ()", "(b : A, nat) -> ()", f"type A = record {{ {fields} }};")
    assert (change.left, change.right) == ("(a : A) -> ()", "(b : A, nat) -> ()")
    assert change.compatible is False


def test_what_cannot_be_read_names_its_side_and_line() -> None:
    for left, right, side in (("service :", BEFORE, "left"), (BEFORE, "service :", "right")):
        with pytest.raises(
            UnusableInterface, match=f"interface of the {side} side cannot be read: line 1: "
        ) as refusal:
            compare_interfaces(left, right)
        assert refusal.value.next_step


def test_thousands_of_methods_of_one_large_type_share_their_texts() -> None:
    large = "type F = func (" + "nat, " * 20_000 + ") -> ()"
    methods = "; ".join(f"m{number} : F" for number in range(2_000))
    left, right = (f"{large.replace('nat', kind)}; service : {{ {methods} }}" for kind in ("nat", "int"))
    changes = compare_interfaces(left, right)
    assert len(changes.changed) == 2_000
    assert len({id(change.left) for change in changes.changed}) == 1


@given(interfaces(), st.randoms(use_true_random=False))
def test_renamed_types_reordered_fields_comments_and_layout_are_no_change(
    interface: Interface, chance: random.Random
) -> None:
    left, right = service_text(interface, chance), service_text(interface, chance)
    assert compare_interfaces(left, right) == InterfaceChanges(is_known=True)


@given(interfaces(), interfaces(), st.randoms(use_true_random=False))
def test_changes_are_the_same_in_reverse(first: Interface, second: Interface, chance: random.Random) -> None:
    left, right = service_text(first, chance), service_text(second, chance)
    there, back = compare_interfaces(left, right), compare_interfaces(right, left)
    assert there.added == back.removed
    assert there.removed == back.added
    assert [(change.name, change.left, change.right) for change in there.changed] == [
        (change.name, change.right, change.left) for change in back.changed
    ]
    assert all(change.left != change.right for change in there.changed)


@given(st.lists(st.tuples(st.integers(0, len(AFTER)), st.integers(0, 30), st.text(max_size=3)), max_size=3))
def test_damaged_text_is_compared_or_refused(changes: list[tuple[int, int, str]]) -> None:
    text = AFTER
    for start, length, replacement in changes:
        text = text[:start] + replacement + text[start + length :]
    with suppress(UnusableInterface):
        compare_interfaces(text, BEFORE)
