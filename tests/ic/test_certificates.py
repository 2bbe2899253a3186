"""Certificates: who may sign for whom, when, in both layouts of the state tree; and how often it is computed."""

from __future__ import annotations

from typing import Any

import pytest

from quri_console.clock import NANOSECONDS_PER_SECOND, ManualClock
from quri_console.errors import ExitCode
from quri_console.ic.certificates import (
    CertificateError,
    CertificateNotAuthorized,
    CertificateOutdated,
    CertificateVerifier,
    InvalidSignature,
    MalformedCertificate,
    NotInCertificate,
    TooManyDelegations,
    bls,
    certificate_in,
    check_canister_in_ranges,
    node_keys,
)
from quri_console.ic.encoding import cbor, hash_tree
from quri_console.ic.encoding.hash_tree import Absent, Fork, Found, Labeled, Leaf, NotALeaf, Unknown
from tests.support.certificates import ROOT, SUBNET, BlsKey, canister, certificate, delegation_to, pruned, ranges, state

DAY = 86_400


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def verifier(clock: ManualClock) -> CertificateVerifier:
    return CertificateVerifier(ROOT.der, clock)


def time_ns(clock: ManualClock, seconds: float = 0) -> int:
    return clock.now_ns() + round(seconds * NANOSECONDS_PER_SECOND)


def delegated(clock: ManualClock, **layout: Any) -> bytes:
    return certificate(SUBNET, state(time_ns(clock)), delegation_to(SUBNET, time_ns(clock), **layout))


def test_root_subnet_signs_without_a_delegation(clock: ManualClock, verifier: CertificateVerifier) -> None:
    data = certificate(ROOT, state(time_ns(clock), {b"canister": {canister(1).bytes: {b"module_hash": b"\x07" * 32}}}))
    checked = verifier.verify_for_canister(data, canister(1))
    assert (checked.subnet, checked.delegated, checked.time_ns) == (ROOT.subnet, False, clock.now_ns())
    assert verifier.verify_for_subnet(data, ROOT.subnet) == checked
    assert verifier.root_subnet == ROOT.subnet
    with pytest.raises(CertificateNotAuthorized):
        verifier.verify_for_subnet(data, SUBNET.subnet)


def test_untagged_certificate_with_null_delegation_is_read_alike(
    clock: ManualClock, verifier: CertificateVerifier
) -> None:
    fields = cbor.decode(certificate(ROOT, state(time_ns(clock))))
    data = cbor.encode({**fields, "delegation": None}, self_described=False)
    assert not verifier.verify_for_canister(data, canister(1)).delegated


@pytest.mark.parametrize("number", [5, 7, 9])
def test_delegation_covers_its_ranges_to_both_ends(
    clock: ManualClock, verifier: CertificateVerifier, number: int
) -> None:
    leaf = ranges((canister(5), canister(9)))
    for layout in ({"listed": leaf}, {"sharded": {canister(5).bytes: leaf}}, {"sharded": {b"": leaf}}):
        checked = verifier.verify_for_canister(delegated(clock, **layout), canister(number))
        assert (checked.subnet, checked.delegated) == (SUBNET.subnet, True)


@pytest.mark.parametrize("number", [0, 4, 10])
def test_delegation_does_not_reach_beyond_its_ranges(
    clock: ManualClock, verifier: CertificateVerifier, number: int
) -> None:
    leaf = ranges((canister(5), canister(9)))
    for layout in ({"listed": leaf}, {"sharded": {canister(5).bytes: leaf}}):
        with pytest.raises(CertificateNotAuthorized):
            verifier.verify_for_canister(delegated(clock, **layout), canister(number))


def test_the_shard_that_begins_at_or_below_the_canister_decides(
    clock: ManualClock, verifier: CertificateVerifier
) -> None:
    shards = {
        canister(10).bytes: ranges((canister(10), canister(14)), (canister(18), canister(19))),
        canister(20).bytes: ranges((canister(20), canister(24))),
    }
    data = delegated(clock, sharded=shards)
    for number in (10, 14, 18, 20, 24):
        verifier.verify_for_canister(data, canister(number))
    for number in (9, 15, 25):
        with pytest.raises(CertificateNotAuthorized):
            verifier.verify_for_canister(data, canister(number))


def test_ranges_of_another_subnet_do_not_count(clock: ManualClock, verifier: CertificateVerifier) -> None:
    other = BlsKey(3_000_017)
    tree = state(
        time_ns(clock),
        {
            b"canister_ranges": {other.subnet.bytes: {canister(1).bytes: ranges((canister(1), canister(9)))}},
            b"subnet": {SUBNET.subnet.bytes: {b"public_key": SUBNET.der}},
        },
    )
    delegation = {"subnet_id": SUBNET.subnet.bytes, "certificate": certificate(ROOT, tree)}
    data = certificate(SUBNET, state(time_ns(clock)), delegation)
    with pytest.raises(CertificateNotAuthorized, match="does not show"):
        verifier.verify_for_canister(data, canister(5))


def test_delegation_whose_shards_are_pruned_falls_back_to_the_older_layout(
    clock: ManualClock, verifier: CertificateVerifier
) -> None:
    leaf = ranges((canister(5), canister(9)))
    delegation = delegation_to(SUBNET, time_ns(clock), sharded={canister(5).bytes: leaf}, listed=leaf)
    tree = hash_tree.from_cbor(cbor.decode(delegation["certificate"])["tree"])
    delegation["certificate"] = certificate(ROOT, pruned(tree, [b"time"], [b"subnet"]))
    data = certificate(SUBNET, state(time_ns(clock)), delegation)
    verifier.verify_for_canister(data, canister(9))
    with pytest.raises(CertificateNotAuthorized):
        verifier.verify_for_canister(data, canister(10))


@pytest.mark.parametrize("leaf", [b"", b"\x01", cbor.encode([[b"a"]]), cbor.encode([["a", "b"]]), cbor.encode([1])])
def test_malformed_ranges_are_refused(clock: ManualClock, verifier: CertificateVerifier, leaf: bytes) -> None:
    with pytest.raises(CertificateError):
        verifier.verify_for_canister(delegated(clock, listed=leaf), canister(1))


def test_delegation_without_a_key_for_its_subnet_is_refused(clock: ManualClock, verifier: CertificateVerifier) -> None:
    leaf = ranges((canister(0), canister(9)))
    other = BlsKey(3_000_017)
    delegation = delegation_to(SUBNET, time_ns(clock), listed=leaf)
    delegation["subnet_id"] = other.subnet.bytes
    with pytest.raises(CertificateNotAuthorized, match="no key"):
        verifier.verify_for_canister(certificate(SUBNET, state(time_ns(clock)), delegation), canister(1))


def test_signatures_by_other_keys_are_refused(clock: ManualClock, verifier: CertificateVerifier) -> None:
    leaf = ranges((canister(0), canister(9)))
    other = BlsKey(3_000_017)
    for data in (
        certificate(other, state(time_ns(clock))),
        certificate(other, state(time_ns(clock)), delegation_to(SUBNET, time_ns(clock), listed=leaf)),
        certificate(SUBNET, state(time_ns(clock)), delegation_to(SUBNET, time_ns(clock), listed=leaf, by=other)),
    ):
        with pytest.raises(InvalidSignature) as raised:
            verifier.verify_for_canister(data, canister(1))
        assert raised.value.exit_code == ExitCode.NETWORK
        assert "root key" in raised.value.next_step


def test_delegation_of_a_delegation_is_refused(clock: ManualClock, verifier: CertificateVerifier) -> None:
    leaf = ranges((canister(0), canister(9)))
    inner = delegation_to(SUBNET, time_ns(clock), listed=leaf)
    inner["certificate"] = certificate(ROOT, state(time_ns(clock)), delegation_to(ROOT, time_ns(clock), listed=leaf))
    with pytest.raises(TooManyDelegations):
        verifier.verify_for_canister(certificate(SUBNET, state(time_ns(clock)), inner), canister(1))


@pytest.mark.parametrize("seconds", [-301, 301])
def test_certificate_from_another_time_is_refused(
    clock: ManualClock, verifier: CertificateVerifier, seconds: float
) -> None:
    with pytest.raises(CertificateOutdated, match=r"301 s (behind|ahead of) this machine's clock") as raised:
        verifier.verify_for_canister(certificate(ROOT, state(time_ns(clock, seconds))), canister(1))
    assert "clock" in raised.value.next_step
    assert raised.value.age_seconds == -seconds


@pytest.mark.parametrize("seconds", [-299, 299])
def test_small_clock_differences_are_allowed(clock: ManualClock, verifier: CertificateVerifier, seconds: float) -> None:
    verifier.verify_for_canister(certificate(ROOT, state(time_ns(clock, seconds))), canister(1))


async def test_accepted_certificate_becomes_outdated(clock: ManualClock, verifier: CertificateVerifier) -> None:
    data = certificate(ROOT, state(time_ns(clock)))
    verifier.verify_for_canister(data, canister(1))
    await clock.advance(301)
    with pytest.raises(CertificateOutdated):
        verifier.verify_for_canister(data, canister(1))


@pytest.mark.parametrize(("days", "allowed"), [(-29, True), (-31, False), (1, False)])
def test_delegation_may_be_a_month_old(
    clock: ManualClock, verifier: CertificateVerifier, days: float, allowed: bool
) -> None:
    leaf = ranges((canister(0), canister(9)))
    delegation = delegation_to(SUBNET, time_ns(clock, days * DAY), listed=leaf)
    data = certificate(SUBNET, state(time_ns(clock)), delegation)
    if allowed:
        assert verifier.verify_for_canister(data, canister(1)).delegated
    else:
        with pytest.raises(CertificateOutdated, match="delegation"):
            verifier.verify_for_canister(data, canister(1))


def test_delegation_is_verified_once(
    clock: ManualClock, verifier: CertificateVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks: list[bytes] = []
    verify = bls.verify

    def counting(key: Any, message: bytes, signature: bytes) -> None:
        checks.append(message)
        verify(key, message, signature)

    monkeypatch.setattr(bls, "verify", counting)
    leaf = ranges((canister(0), canister(9)))
    delegation = delegation_to(SUBNET, time_ns(clock), listed=leaf)
    for expected in (2, 3, 4):
        data = certificate(SUBNET, state(time_ns(clock, expected)), delegation)
        verifier.verify_for_canister(data, canister(1))
        assert len(checks) == expected
    for _ in range(2):  # another one is another digest; a refused one is not remembered
        forged = delegation_to(SUBNET, time_ns(clock, 1), listed=leaf, by=SUBNET)
        data = certificate(SUBNET, state(time_ns(clock)), forged)
        with pytest.raises(InvalidSignature):
            verifier.verify_for_canister(data, canister(1))
    assert len(checks) == 6


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xd9\xd9\xf7",
        cbor.encode([]),
        cbor.encode({}),
        cbor.encode({"tree": [0], "signature": "text"}),
        cbor.encode({"tree": [9], "signature": bytes(48)}),
        cbor.encode({"tree": [0], "signature": bytes(48), "delegation": True}),
        cbor.encode({"tree": [0], "signature": bytes(48), "delegation": {"subnet_id": b""}}),
        b"\x81" * 100_000,
    ],
)
def test_malformed_certificates_are_refused(verifier: CertificateVerifier, data: bytes) -> None:
    with pytest.raises(MalformedCertificate):
        verifier.verify_for_canister(data, canister(1))


@pytest.mark.parametrize("signature", [b"", bytes(48), b"\xc0" + bytes(47), bytes(47), b"\xff" * 48])
def test_signatures_that_are_no_points_are_refused(
    clock: ManualClock, verifier: CertificateVerifier, signature: bytes
) -> None:
    data = cbor.encode({"tree": hash_tree.to_cbor(state(time_ns(clock))), "signature": signature})
    with pytest.raises(InvalidSignature):
        verifier.verify_for_canister(data, canister(1))


@pytest.mark.parametrize("raw", [bytes(96), b"\xc0" + bytes(95), b"\xff" * 96])
def test_keys_that_are_no_keys_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidSignature):
        bls.public_key(ROOT.der[:37] + raw)


def test_certificate_without_a_time_is_refused(verifier: CertificateVerifier) -> None:
    with pytest.raises(MalformedCertificate, match="time"):
        verifier.verify_for_canister(certificate(ROOT, hash_tree.build({b"canister": b""})), canister(1))


def test_unordered_labels_are_refused(clock: ManualClock, verifier: CertificateVerifier) -> None:
    tree = Fork(Labeled(b"time", Leaf(b"\x01")), Labeled(b"canister", Leaf(b"")))
    with pytest.raises(MalformedCertificate, match="order"):
        verifier.verify_for_canister(certificate(ROOT, tree), canister(1))


def test_read_state_answer_gives_its_certificate() -> None:
    assert certificate_in(cbor.encode({"certificate": b"abc"})) == b"abc"
    for answer in (b"<html>", cbor.encode({}), cbor.encode({"certificate": "abc"}), cbor.encode(b"abc")):
        with pytest.raises(MalformedCertificate):
            certificate_in(answer)


def test_lookup_tells_value_absence_and_ignorance_apart(clock: ManualClock, verifier: CertificateVerifier) -> None:
    whole = state(time_ns(clock), {b"canister": {b"a": {b"x": b"1"}, b"b": {b"y": b"2"}}})
    shown = pruned(whole, [b"time"], [b"canister", b"a"])
    checked = verifier.verify_for_canister(certificate(ROOT, shown), canister(1))
    assert checked.lookup([b"canister", b"a", b"x"]) == Found(b"1")
    assert checked.lookup([b"canister", b"a", b"z"]) == Absent()
    assert checked.lookup([b"canister", b"b", b"y"]) == Unknown()
    assert checked.lookup([b"canister", b"a"]) == NotALeaf()
    assert checked.value([b"canister", b"a", b"x"]) == b"1"
    assert checked.value([b"canister", b"a", b"z"]) is None
    with pytest.raises(NotInCertificate, match="/canister/b/y"):
        checked.value([b"canister", b"b", b"y"])
    with pytest.raises(MalformedCertificate):
        checked.value([b"canister", b"a"])


def test_node_keys_of_the_root_subnet_and_its_ranges(clock: ManualClock, verifier: CertificateVerifier) -> None:
    subnet = {b"node": {b"n1": {b"public_key": b"k1"}, b"n2": {b"public_key": b"k2"}}, b"public_key": ROOT.der}
    branches = {
        b"canister_ranges": {ROOT.subnet.bytes: {canister(0).bytes: ranges((canister(0), canister(9)))}},
        b"subnet": {ROOT.subnet.bytes: subnet},
    }
    checked = verifier.verify_for_canister(certificate(ROOT, state(time_ns(clock), branches)), canister(1))
    assert node_keys(checked, ROOT.subnet) == {b"n1": b"k1", b"n2": b"k2"}
    with pytest.raises(NotInCertificate):
        node_keys(checked, SUBNET.subnet)
    check_canister_in_ranges(checked.tree, ROOT.subnet, canister(9))
    with pytest.raises(CertificateNotAuthorized):
        check_canister_in_ranges(checked.tree, ROOT.subnet, canister(10))
