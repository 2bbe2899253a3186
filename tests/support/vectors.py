"""Real certificates recorded from mainnet: `$QURI_VECTORS`, by default `../shared/vectors` beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quri_console.ic.encoding import cbor


def vectors_folder() -> Path:
    """The folder of the vectors; skips the test that asks when it is missing."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "vectors"
    folder = Path(os.environ.get("QURI_VECTORS") or beside)
    if not folder.is_dir():
        pytest.skip(f"no certificate vectors in {folder} (set QURI_VECTORS)")
    return folder


def recorded_answer(name: str) -> bytes:
    """The read_state answer of a vector, as it came from the network."""
    return (vectors_folder() / "certificates" / f"{name}.bin").read_bytes()


def recorded_certificate(name: str) -> bytes:
    """The encoded certificate inside a vector's answer."""
    answer = cbor.decode(recorded_answer(name))
    assert isinstance(answer, dict)
    certificate = answer["certificate"]
    assert isinstance(certificate, bytes)
    return certificate
