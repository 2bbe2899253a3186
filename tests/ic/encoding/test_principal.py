"""Principals against ic-py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ic.principal import Principal as Oracle

from quri_console.errors import ExitCode
from quri_console.ic.certificates import MAINNET_ROOT_KEY_DER
from quri_console.ic.encoding.principal import (
    ANONYMOUS,
    MANAGEMENT,
    InvalidPrincipal,
    Principal,
    parse_principal,
    self_authenticating,
)

RAW = st.binary(max_size=29)


@given(RAW)
def test_text_agrees_with_ic_py_and_reads_back(raw: bytes) -> None:
    principal = Principal(raw)
    text = principal.to_str()
    assert text == Oracle(bytes=raw).to_str()
    assert parse_principal(text) == parse_principal(text.upper()) == principal
    assert hash(parse_principal(text)) == hash(principal)
    assert principal.bytes == raw


@given(st.binary(min_size=44, max_size=140))
def test_self_authenticating_agrees_with_ic_py(public_key: bytes) -> None:
    assert self_authenticating(public_key).bytes == Oracle.self_authenticating(public_key).bytes


@given(RAW, st.data())
def test_every_changed_letter_breaks_the_checksum_or_the_form(raw: bytes, data: st.DataObject) -> None:
    text = Principal(raw).to_str()
    position = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567-018_ ").filter(lambda x: x != text[position]))
    with pytest.raises(InvalidPrincipal):
        parse_principal(text[:position] + letter + text[position + 1 :])


@pytest.mark.parametrize(
    "text",
    ["", "-", "aaaaa", "aaaaaaa", "ryjl3-tyaaa-aaaaa-aaaba-ca", "ryjl3-tyaaa-aaaaa-aaaba-cai ", "é" * 10, "a" * 10**6],
)
def test_other_text_is_refused_with_advice(text: str) -> None:
    with pytest.raises(InvalidPrincipal) as raised:
        parse_principal(text)
    assert raised.value.exit_code == ExitCode.USAGE
    assert "ryjl3-tyaaa-aaaaa-aaaba-cai" in raised.value.next_step
    assert len(raised.value.what) < 200


def test_principals_longer_than_29_bytes_are_refused() -> None:
    with pytest.raises(InvalidPrincipal):
        parse_principal(Principal(bytes(30)).to_str())


def test_well_known_principals() -> None:
    assert MANAGEMENT.to_str() == "aaaaa-aa"
    assert ANONYMOUS.to_str() == "2vxsx-fae"
    root_subnet = "tdb26-jop6k-aogll-7ltgs-eruif-6kk7m-qpktf-gdiqx-mxtrf-vb5e6-eqe"
    assert self_authenticating(MAINNET_ROOT_KEY_DER).to_str() == root_subnet
