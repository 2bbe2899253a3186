"""Certificates recorded from mainnet give their stated results, and not one byte of them can be changed."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from quri_console.clock import ManualClock
from quri_console.ic.certificates import (
    MAINNET_ROOT_KEY_DER,
    Certificate,
    CertificateError,
    CertificateNotAuthorized,
    CertificateVerifier,
    TooManyDelegations,
    certificate_in,
    node_keys,
)
from quri_console.ic.encoding import cbor
from quri_console.ic.encoding.hash_tree import Found
from quri_console.ic.encoding.principal import parse_principal
from tests.support.vectors import recorded_answer, recorded_certificate

IVG37 = "ivg37-qiaaa-aaaab-aaaga-cai"
RYJL3 = "ryjl3-tyaaa-aaaaa-aaaba-cai"
C224OD = "224od-giaaa-aaaao-ae5vq-cai"
RDMX6 = "rdmx6-jaaaa-aaaaa-aaadq-cai"
O3OW2 = "o3ow2-2ipam-6fcjo-3j5vt-fzbge-2g7my-5fz2m-p4o2t-dwlc4-gt2q7-5ae"
UZR34 = "uzr34-akd3s-xrdag-3ql62-ocgoh-ld2ao-tamcv-54e7j-krwgb-2gm4z-oqe"
QXESV = "qxesv-zoxpm-vc64m-zxguk-5sj74-35vrb-tbgwg-pcird-5gr26-62oxl-cae"

TIMES_NS = {
    "ivg37_time": 1763796896688941908,
    "ivg37_delegated_v2": 1645601880652705378,
    "224od_subnet": 1765214062097800265,
    "o3ow2_subnet_key": 1763597289536590252,
    "uzr34_node_keys": 1763597425871913552,
}
SUBJECTS = {
    "ivg37_time": IVG37,
    "ivg37_delegated_v2": IVG37,
    "224od_subnet": C224OD,
    "o3ow2_subnet_key": O3OW2,
    "uzr34_node_keys": UZR34,
}
SUBNET_ROUTES = {O3OW2, UZR34}


def ageless_verifier() -> CertificateVerifier:
    return CertificateVerifier(MAINNET_ROOT_KEY_DER, ManualClock(), max_age_seconds=None)


def verify(verifier: CertificateVerifier, certificate: bytes, subject: str) -> Certificate:
    principal = parse_principal(subject)
    if subject in SUBNET_ROUTES:
        return verifier.verify_for_subnet(certificate, principal)
    return verifier.verify_for_canister(certificate, principal)


@pytest.mark.parametrize("name", TIMES_NS)
def test_recorded_certificate_is_valid_at_its_time(name: str) -> None:
    verifier = CertificateVerifier(MAINNET_ROOT_KEY_DER, ManualClock(TIMES_NS[name]))
    certificate = verify(verifier, certificate_in(recorded_answer(name)), SUBJECTS[name])
    assert certificate.time_ns == TIMES_NS[name]
    assert certificate.delegated


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("ivg37_time", RYJL3),
        ("ivg37_delegated_v2", RYJL3),
        ("224od_subnet", RDMX6),
        ("o3ow2_subnet_key", UZR34),
        ("uzr34_node_keys", O3OW2),
    ],
)
def test_recorded_certificate_is_refused_for_another_subject(name: str, other: str) -> None:
    with pytest.raises(CertificateNotAuthorized):
        verify(ageless_verifier(), recorded_certificate(name), other)


@pytest.mark.parametrize("name", ["ivg37_time_pruned_ranges", "ivg37_delegated_v2_pruned_subnet"])
def test_certificate_that_hides_its_canister_ranges_is_refused(name: str) -> None:
    """Its signatures hold, as the subnet route shows; only what proves the canister's place is pruned."""
    verifier = ageless_verifier()
    assert verifier.verify_for_subnet(recorded_certificate(name), parse_principal(QXESV)).delegated
    with pytest.raises(CertificateNotAuthorized, match="does not show which canisters"):
        verifier.verify_for_canister(recorded_certificate(name), parse_principal(IVG37))


def test_null_delegation_of_a_delegation_counts_as_none() -> None:
    outer = cbor.decode(recorded_certificate("ivg37_delegated_v2_pruned_subnet"))
    inner = cbor.decode(outer["delegation"]["certificate"])
    assert "delegation" in inner
    assert inner["delegation"] is None


def test_rejection_recorded_in_the_older_layout_is_found() -> None:
    request = bytes.fromhex("edad510eaaa08ed2acd4781324e6446269da6753ec17760f206bbe81c465ff52")
    certificate = verify(ageless_verifier(), recorded_certificate("ivg37_delegated_v2"), IVG37)
    assert certificate.lookup([b"request_status", request, b"status"]) == Found(b"rejected")
    assert certificate.value([b"request_status", request, b"reject_code"]) == b"\x03"


def test_node_keys_are_read_from_recorded_certificates() -> None:
    certificate = verify(ageless_verifier(), recorded_certificate("224od_subnet"), C224OD)
    keys = node_keys(certificate, parse_principal(O3OW2))
    assert len(keys) == 13
    assert all(len(key) == 44 and len(node) == 29 for node, key in keys.items())


def test_certificate_as_its_own_delegation_is_refused() -> None:
    certificate = recorded_certificate("uzr34_node_keys")
    outer = cbor.decode(certificate)
    outer["delegation"] = {"subnet_id": parse_principal(UZR34).bytes, "certificate": certificate}
    with pytest.raises(TooManyDelegations):
        verify(ageless_verifier(), cbor.encode(outer), UZR34)


def flipped(data: bytes, positions: Iterable[int], seed: int) -> Iterable[bytes]:
    """The data with one byte replaced by another value, for each position."""
    rng = random.Random(seed)
    for position in positions:
        other = rng.randrange(255)
        changed = other + (other >= data[position])
        yield data[:position] + bytes([changed]) + data[position + 1 :]


def accepted_flips(name: str, positions: Iterable[int], seed: int) -> list[bytes]:
    answer = recorded_answer(name)
    verifier = ageless_verifier()
    verify(verifier, certificate_in(answer), SUBJECTS[name])  # a cached delegation must not help a changed one
    accepted = []
    for changed in flipped(answer, positions, seed):
        try:
            verify(verifier, certificate_in(changed), SUBJECTS[name])
        except CertificateError:
            continue
        accepted.append(changed)
    return accepted


@pytest.mark.parametrize("name", TIMES_NS)
def test_no_sampled_byte_can_be_changed(name: str) -> None:
    size = len(recorded_answer(name))
    positions = random.Random(name).sample(range(size), 60)
    assert accepted_flips(name, positions, seed=1) == []


@pytest.mark.sweep
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", TIMES_NS)
def test_no_byte_can_be_changed(name: str, seed: int) -> None:
    assert accepted_flips(name, range(len(recorded_answer(name))), seed) == []
