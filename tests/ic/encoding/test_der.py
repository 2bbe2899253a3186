"""DER of public keys."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from quri_console.ic.encoding.der import (
    MalformedPublicKey,
    bls_key_from_der,
    bls_key_to_der,
    ed25519_public_key_from_der,
    ed25519_public_key_to_der,
)

Convert = Callable[[bytes], bytes]
KINDS = [(bls_key_to_der, bls_key_from_der, 96, 133), (ed25519_public_key_to_der, ed25519_public_key_from_der, 32, 44)]


@pytest.mark.parametrize(("to_der", "from_der", "raw_size", "der_size"), KINDS)
def test_keys_keep_their_bytes(to_der: Convert, from_der: Convert, raw_size: int, der_size: int) -> None:
    raw = bytes(range(raw_size))
    assert len(to_der(raw)) == der_size
    assert from_der(to_der(raw)) == raw


@pytest.mark.parametrize(("to_der", "from_der", "raw_size", "der_size"), KINDS)
def test_other_bytes_are_refused(to_der: Convert, from_der: Convert, raw_size: int, der_size: int) -> None:
    der = to_der(bytes(raw_size))
    for wrong in (b"", der[:-1], der + b"\0", b"\x31" + der[1:], der[:10] + b"\xff" + der[11:], bytes(der_size)):
        with pytest.raises(MalformedPublicKey):
            from_der(wrong)
    with pytest.raises(MalformedPublicKey):
        to_der(bytes(raw_size - 1))
