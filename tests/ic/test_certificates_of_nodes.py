"""Signatures of nodes under the answers to queries."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ic.utils import to_request_id

from quri_console.clock import NANOSECONDS_PER_SECOND, ManualClock
from quri_console.ic.certificates import (
    CertificateOutdated,
    InvalidSignature,
    MalformedCertificate,
    MissingSignature,
    TooManySignatures,
    UnknownNode,
    verify_query_signatures,
)
from quri_console.ic.encoding.der import ed25519_public_key_to_der
from quri_console.ic.encoding.principal import self_authenticating
from quri_console.ic.encoding.request_id import representation_hash

REQUEST_ID = bytes(range(32))
REJECTED = {"status": "rejected", "reject_code": 5, "reject_message": "trapped", "error_code": "IC0503"}
REPLIED = {"status": "replied", "reply": {"arg": b"DIDL\x00\x00"}}


class Node:
    """A node with its key."""

    def __init__(self, seed: int) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.der = ed25519_public_key_to_der(self._key.public_key().public_bytes_raw())
        self.id = self_authenticating(self.der).bytes

    def sign(self, response: dict[str, Any], timestamp: int, request_id: bytes = REQUEST_ID) -> dict[str, Any]:
        content = {**response, "timestamp": timestamp, "request_id": request_id}
        signature = self._key.sign(b"\x0bic-response" + representation_hash(content))
        return {"timestamp": timestamp, "signature": signature, "identity": self.id}


ONE, TWO, STRANGER = Node(1), Node(2), Node(3)
KEYS = {ONE.id: ONE.der, TWO.id: TWO.der}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.mark.parametrize("response", [REPLIED, REJECTED, {k: v for k, v in REJECTED.items() if k != "error_code"}])
def test_signed_answers_are_accepted(clock: ManualClock, response: dict[str, Any]) -> None:
    now = clock.now_ns()
    for signatures in ([ONE.sign(response, now)], [ONE.sign(response, now), TWO.sign(response, now - 1)]):
        verify_query_signatures({**response, "signatures": signatures}, REQUEST_ID, KEYS, clock)


def test_null_error_code_and_unknown_fields_are_not_signed(clock: ManualClock) -> None:
    response = {k: v for k, v in REJECTED.items() if k != "error_code"}
    signature = ONE.sign(response, clock.now_ns())
    answer = {**response, "error_code": None, "extra": [1], "signatures": [signature]}
    verify_query_signatures(answer, REQUEST_ID, KEYS, clock)


def test_signed_content_is_what_an_independent_hash_says(clock: ManualClock) -> None:
    content = {**REJECTED, "timestamp": 5, "request_id": REQUEST_ID}
    assert representation_hash(content) == to_request_id(content)


@pytest.mark.parametrize(
    "change",
    [
        {"reject_code": 4},
        {"reject_message": "trapped!"},
        {"error_code": "IC0502"},
        {"error_code": None},
    ],
)
def test_changed_rejections_are_refused(clock: ManualClock, change: dict[str, Any]) -> None:
    answer = {**REJECTED, "signatures": [ONE.sign(REJECTED, clock.now_ns())], **change}
    with pytest.raises(InvalidSignature):
        verify_query_signatures(answer, REQUEST_ID, KEYS, clock)


def test_changed_replies_times_and_requests_are_refused(clock: ManualClock) -> None:
    signature = ONE.sign(REPLIED, clock.now_ns())
    answer = {**REPLIED, "signatures": [signature]}
    with pytest.raises(InvalidSignature):
        verify_query_signatures({**answer, "reply": {"arg": b"DIDL\x00\x01"}}, REQUEST_ID, KEYS, clock)
    with pytest.raises(InvalidSignature):
        verify_query_signatures(answer, bytes(32), KEYS, clock)
    later = {**signature, "timestamp": signature["timestamp"] + 1}
    with pytest.raises(InvalidSignature):
        verify_query_signatures({**answer, "signatures": [later]}, REQUEST_ID, KEYS, clock)
    other = {**signature, "identity": TWO.id}
    with pytest.raises(InvalidSignature):
        verify_query_signatures({**answer, "signatures": [other]}, REQUEST_ID, KEYS, clock)


def test_one_wrong_signature_among_right_ones_is_refused(clock: ManualClock) -> None:
    right = ONE.sign(REPLIED, clock.now_ns())
    wrong = {**TWO.sign(REPLIED, clock.now_ns()), "signature": bytes(64)}
    with pytest.raises(InvalidSignature):
        verify_query_signatures({**REPLIED, "signatures": [right, wrong]}, REQUEST_ID, KEYS, clock)


@pytest.mark.parametrize("signatures", [{}, {"signatures": []}, {"signatures": None}])
def test_answers_without_signatures_are_refused(clock: ManualClock, signatures: dict[str, Any]) -> None:
    with pytest.raises(MissingSignature):
        verify_query_signatures({**REPLIED, **signatures}, REQUEST_ID, KEYS, clock)


def test_more_signatures_than_nodes_are_refused(clock: ManualClock) -> None:
    signatures = [ONE.sign(REPLIED, clock.now_ns())] * 3
    with pytest.raises(TooManySignatures):
        verify_query_signatures({**REPLIED, "signatures": signatures}, REQUEST_ID, KEYS, clock)


def test_unknown_node_is_told_apart_so_that_keys_can_be_fetched_again(clock: ManualClock) -> None:
    signatures = [STRANGER.sign(REPLIED, clock.now_ns())]
    with pytest.raises(UnknownNode):
        verify_query_signatures({**REPLIED, "signatures": signatures}, REQUEST_ID, KEYS, clock)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_answers_from_another_time_are_refused(clock: ManualClock, seconds: int) -> None:
    signatures = [ONE.sign(REPLIED, clock.now_ns() + seconds * NANOSECONDS_PER_SECOND)]
    answer = {**REPLIED, "signatures": signatures}
    with pytest.raises(CertificateOutdated):
        verify_query_signatures(answer, REQUEST_ID, KEYS, clock)
    verify_query_signatures(answer, REQUEST_ID, KEYS, clock, max_age_seconds=None)


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "processing"},
        {"status": "replied"},
        {"status": "replied", "reply": {"arg": "text"}},
        {"status": "rejected", "reject_code": True, "reject_message": ""},
        {"status": "rejected", "reject_code": -1, "reject_message": ""},
        {"reply": {"arg": b""}},
    ],
)
def test_answers_of_no_known_form_are_refused(clock: ManualClock, answer: dict[str, Any]) -> None:
    signatures = [ONE.sign(REPLIED, clock.now_ns())]
    with pytest.raises(MalformedCertificate):
        verify_query_signatures({**answer, "signatures": signatures}, REQUEST_ID, KEYS, clock)


@pytest.mark.parametrize("change", [{"timestamp": True}, {"timestamp": -1}, {"signature": ""}, {"identity": None}])
def test_malformed_signatures_are_refused(clock: ManualClock, change: dict[str, Any]) -> None:
    signature = {**ONE.sign(REPLIED, clock.now_ns()), **change}
    with pytest.raises(MalformedCertificate):
        verify_query_signatures({**REPLIED, "signatures": [signature]}, REQUEST_ID, KEYS, clock)


def test_node_key_of_another_kind_is_refused(clock: ManualClock) -> None:
    signatures = [ONE.sign(REPLIED, clock.now_ns())]
    with pytest.raises(MalformedCertificate, match="Ed25519"):
        verify_query_signatures({**REPLIED, "signatures": signatures}, REQUEST_ID, {ONE.id: b"\x30" * 44}, clock)
