"""Request ids: the specification's examples, and two independent implementations."""

from __future__ import annotations

import hashlib
from typing import Any

import leb128
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ic.utils import to_request_id

from quri_console.ic.encoding.request_id import representation_hash, request_id

CALL = {
    "request_type": "call",
    "sender": b"\x04",
    "ingress_expiry": 1685570400000000000,
    "canister_id": bytes.fromhex("00000000000004D2"),
    "method_name": "hello",
    "arg": bytes.fromhex("4449444c00fd2a"),
}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (CALL, "1d1091364d6bb8a6c16b203ee75467d59ead468f523eb058880ae8ec80e2b101"),
        (
            {name: value for name, value in CALL.items() if name not in ("sender", "ingress_expiry")},
            "8781291c347db32a9d8c10eb62b710fce5a93be676474c42babc74c51858f94b",
        ),
        (
            {"sender": bytes.fromhex("00000000000004D2"), "paths": [[], [b""], [b"hello", b"world"]]},
            "97d6f297aea699aec85d3377c7643ea66db810aba5c4372fbc2082c999f452dc",
        ),
        ({"paths": []}, "99daa8c80a61e87ac1fdf9dd49e39963bfe4dafb2a45095ebf4cad72d916d5be"),
        ({"paths": [[]]}, "ea01a9c3d3830db108e0a87995ea0d4183dc9c6e51324e9818fced5c57aa64f5"),
        (
            {"foo": {"baz": "hello", "quux": 3}, "bar": b"world"},
            "3d447339cc0c2b894ee215c8141770bf4b86c72b6c37d9873213a786ec7f9f31",
        ),
    ],
)
def test_examples_of_the_specification(content: dict[str, Any], expected: str) -> None:
    assert request_id(content).hex() == expected


SCALARS = st.one_of(st.text(max_size=20), st.binary(max_size=20), st.integers(0, 1 << 70))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
)


def naive_hash(value: Any) -> bytes:
    """The specification's sentences, word by word."""
    if isinstance(value, dict):
        pairs = [hashlib.sha256(name.encode()).digest() + naive_hash(inner) for name, inner in value.items()]
        return hashlib.sha256(b"".join(sorted(pairs))).digest()
    if isinstance(value, list):
        return hashlib.sha256(b"".join(map(naive_hash, value))).digest()
    if isinstance(value, int):
        value = bytes(leb128.u.encode(value))
    return hashlib.sha256(value.encode() if isinstance(value, str) else value).digest()


@given(st.dictionaries(st.text(max_size=10), VALUES, max_size=6))
def test_agrees_with_a_naive_implementation(content: dict[str, Any]) -> None:
    assert representation_hash(content) == naive_hash(content)


@given(st.dictionaries(st.text(max_size=10), SCALARS, max_size=6), st.lists(st.lists(st.binary(max_size=5))))
def test_agrees_with_ic_py(content: dict[str, Any], paths: list[list[bytes]]) -> None:
    assert request_id({**content, "paths": paths}) == to_request_id({**content, "paths": paths})


@given(st.dictionaries(st.text(max_size=10), VALUES, max_size=6))
def test_order_of_fields_does_not_matter(content: dict[str, Any]) -> None:
    assert representation_hash(dict(reversed(content.items()))) == representation_hash(content)


@pytest.mark.parametrize("value", [None, True, 1.5, -1, {1, 2}, [None]])
def test_values_without_a_hash_are_refused(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        representation_hash({"field": value})
