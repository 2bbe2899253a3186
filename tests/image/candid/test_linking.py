"""Every use of a definition leads to the type that it stands for."""

from __future__ import annotations

from quri_console.image.candid.parser import parse_interface
from quri_console.image.candid.types import Kind

TEXT = """type A = B; type B = C; type C = record { next : opt A; also : D }; type D = B;
service : { m : (A, B, C, D) -> () }"""


def test_all_names_of_one_type_lead_to_the_same_node() -> None:
    interface = parse_interface(TEXT)
    arguments = interface.nodes[interface.methods["m"]].arguments
    assert {interface.nodes[argument].kind for argument in arguments} == {Kind.REFERENCE}
    (target,) = {interface.target(argument) for argument in arguments}
    record = interface.nodes[target]
    assert record.kind is Kind.RECORD
    assert target in {interface.target(child) for child in record.children}


def test_no_reference_leads_to_a_reference() -> None:
    interface = parse_interface(TEXT)
    references = [place for place, node in enumerate(interface.nodes) if node.kind is Kind.REFERENCE]
    assert len(references) == 4
    assert all(interface.nodes[interface.target(place)].kind is not Kind.REFERENCE for place in references)
