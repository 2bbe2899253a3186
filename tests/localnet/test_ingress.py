"""What an envelope must prove before the network looks at it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from quri_console.clock import NANOSECONDS_PER_SECOND, ManualClock
from quri_console.ic.encoding import cbor
from quri_console.ic.encoding.request_id import request_id
from quri_console.localnet.ingress import CheckedRequest, RequestRefused, check_envelope
from tests.support.raw_client import KEY_KINDS, RawClient, delegation, envelope, principal_of, sign

CANISTER = bytes.fromhex("80000000001000000101")
CLOCK = ManualClock()
HOUR_NS = 3600 * NANOSECONDS_PER_SECOND


@pytest.fixture(params=sorted(KEY_KINDS))
def client(request: pytest.FixtureRequest) -> RawClient:
    return RawClient("", KEY_KINDS[request.param](), CLOCK)


@pytest.fixture
def someone() -> RawClient:
    return RawClient("", KEY_KINDS["ed25519"](), CLOCK)


def check(value: Any, kind: Any = "call") -> CheckedRequest:
    return check_envelope(cbor.encode(value), kind, CLOCK)


def refusal(value: Any, kind: Any = "call") -> str:
    with pytest.raises(RequestRefused) as caught:
        check(value, kind)
    assert caught.value.status in (400, 413)
    return caught.value.text


def test_a_signed_call_is_what_its_content_says(client: RawClient) -> None:
    content = client.call_content(CANISTER, "hello", b"DIDL\0\1")
    request = check(envelope(content, client.key))
    assert (request.sender, request.canister, request.method, request.argument) == (
        client.sender,
        CANISTER,
        "hello",
        b"DIDL\0\1",
    )
    assert request.request_id == request_id(content)
    assert request.targets is None


def test_a_flipped_signature_is_refused(client: RawClient) -> None:
    signed = envelope(client.call_content(CANISTER, "hello"), client.key)
    signed["sender_sig"] = bytes([signed["sender_sig"][0] ^ 1]) + signed["sender_sig"][1:]
    assert "Invalid signature" in refusal(signed)


def test_a_changed_argument_is_refused(client: RawClient) -> None:
    signed = envelope(client.call_content(CANISTER, "hello"), client.key)
    signed["content"]["arg"] = b"DIDL\0\1"
    assert "Invalid signature" in refusal(signed)


def test_the_sender_must_be_the_key(client: RawClient, someone: RawClient) -> None:
    content = {**client.call_content(CANISTER, "hello"), "sender": someone.sender}
    assert "does not match the public key" in refusal(envelope(content, client.key))


def test_a_signature_is_needed(someone: RawClient) -> None:
    assert "Missing signature" in refusal(envelope(someone.call_content(CANISTER, "hello"), None))


def test_an_unknown_kind_of_key_is_refused_by_name(someone: RawClient) -> None:
    der = bytes.fromhex("302a300506032b656e032100") + bytes(32)  # X25519 does not sign
    from quri_console.ic.encoding.principal import self_authenticating

    content = {**someone.call_content(CANISTER, "hello"), "sender": self_authenticating(der).bytes}
    signed = {"content": content, "sender_pubkey": der, "sender_sig": bytes(64)}
    assert "Ed25519, secp256k1 and P-256" in refusal(signed)


def test_null_key_and_signature_mean_absent() -> None:
    anonymous = RawClient("", None, CLOCK)
    content = anonymous.call_content(CANISTER, "hello")
    request = check({"content": content, "sender_pubkey": None, "sender_sig": None, "sender_delegation": None})
    assert request.sender == b"\x04"


def test_the_anonymous_sender_signs_nothing(someone: RawClient) -> None:
    content = {**someone.call_content(CANISTER, "hello"), "sender": b"\x04"}
    assert "anonymous" in refusal(envelope(content, someone.key))


@pytest.mark.parametrize(("ahead_seconds", "accepted"), [(-1, False), (0, True), (329, True), (331, False)])
def test_a_call_lives_in_its_expiry_window(someone: RawClient, ahead_seconds: float, accepted: bool) -> None:
    signed = envelope(someone.call_content(CANISTER, "hello", ahead_seconds=ahead_seconds), someone.key)
    if accepted:
        check(signed)
    else:
        assert refusal(signed).startswith("Invalid request expiry: ")


def test_only_anonymous_reads_may_carry_any_expiry(someone: RawClient) -> None:
    anonymous = RawClient("", None, CLOCK)
    check(envelope(anonymous.content("read_state", ahead_seconds=-9999, paths=[[b"time"]]), None), "read_state")
    assert "expiry" in refusal(envelope(anonymous.call_content(CANISTER, "hello", ahead_seconds=-9999), None))
    signed = envelope(someone.content("read_state", ahead_seconds=-9999, paths=[]), someone.key)
    assert "expiry" in refusal(signed, "read_state")


def test_a_nonce_has_at_most_32_bytes(someone: RawClient) -> None:
    check(envelope({**someone.call_content(CANISTER, "hello"), "nonce": bytes(32)}, someone.key))
    assert "Nonce" in refusal(envelope({**someone.call_content(CANISTER, "hello"), "nonce": bytes(33)}, someone.key))


def test_path_limits(someone: RawClient) -> None:
    def asking(paths: list[list[bytes]]) -> dict[str, Any]:
        return envelope(someone.content("read_state", paths=paths), someone.key)

    assert len(check(asking([[b"time"]] * 1000), "read_state").paths) == 1000
    assert "Too many paths" in refusal(asking([[b"time"]] * 1001), "read_state")
    assert "too deep" in refusal(asking([[b"x"] * 128]), "read_state")


@pytest.mark.parametrize(
    "change",
    [
        {"request_type": "query"},
        {"method_name": b"hello"},
        {"canister_id": None},
        {"canister_id": bytes(30)},
        {"ingress_expiry": "soon"},
        {"ingress_expiry": -1},
        {"arg": "text"},
        {"sender_info": {"info": b"", "signer": b"", "sig": b""}},
    ],
)
def test_malformed_content_is_refused(someone: RawClient, change: dict[str, Any]) -> None:
    content = {**someone.call_content(CANISTER, "hello"), **change}
    unsigned = {"content": content, "sender_pubkey": b"", "sender_sig": b""}
    refusal(unsigned)


@pytest.mark.parametrize("body", [b"", b"\xff", cbor.encode([1]), cbor.encode({"content": 3})])
def test_what_is_no_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(RequestRefused, match="Could not parse"):
        check_envelope(body, "call", CLOCK)


def test_a_call_of_more_than_two_mebibytes_is_too_large(someone: RawClient) -> None:
    signed = envelope(someone.call_content(CANISTER, "hello", bytes(2 * 1024 * 1024)), someone.key)
    assert "too large" in refusal(signed)


class TestDelegations:
    """Chains from the sender's key to the key that signed."""

    def signed(self, chain: list[Any], sender: bytes, last: Any, kind: str = "call") -> dict[str, Any]:
        client = RawClient("", last, CLOCK)
        if kind == "call":
            content = {**client.call_content(CANISTER, "hello"), "sender": sender}
        else:
            content = {**client.content(kind, canister_id=CANISTER, method_name="hello", arg=b""), "sender": sender}
        return {**envelope(content, last), "sender_delegation": chain}

    def chain(self, length: int, **more: Any) -> tuple[dict[str, Any], list[Any]]:
        keys = [KEY_KINDS["ed25519"]() for _ in range(length + 1)]
        expiry = CLOCK.now_ns() + HOUR_NS
        links = [delegation(a, b, expiry, **more) for a, b in pairwise(keys)]
        signed = self.signed(links, principal_of(keys[0]), keys[-1])
        return {**signed, "sender_pubkey": envelope({}, keys[0])["sender_pubkey"]}, keys

    @pytest.mark.parametrize("length", [1, 3, 20])
    def test_a_chain_is_followed(self, length: int) -> None:
        signed, keys = self.chain(length)
        assert check(signed).sender == principal_of(keys[0])

    def test_a_chain_has_at_most_20_links(self) -> None:
        assert "too long" in refusal(self.chain(21)[0])

    def test_targets_narrow_each_other(self) -> None:
        signed, _ = self.chain(2, targets=[CANISTER, b"other"])
        assert check(signed).targets == {CANISTER, b"other"}

    def test_more_than_1000_targets_are_refused(self) -> None:
        targets = [number.to_bytes(4, "big") for number in range(1001)]
        assert "targets" in refusal(self.chain(1, targets=targets)[0])

    def test_an_expired_link_is_refused(self) -> None:
        first, second = KEY_KINDS["ed25519"](), KEY_KINDS["p256"]()
        link = delegation(first, second, CLOCK.now_ns() - 1)
        signed = self.signed([link], principal_of(first), second)
        signed["sender_pubkey"] = envelope({}, first)["sender_pubkey"]
        assert "delegation expiry" in refusal(signed)

    def test_a_link_signed_by_a_stranger_is_refused(self) -> None:
        first, second, stranger = (KEY_KINDS["ed25519"]() for _ in range(3))
        link = delegation(stranger, second, CLOCK.now_ns() + HOUR_NS)
        signed = self.signed([link], principal_of(first), second)
        signed["sender_pubkey"] = envelope({}, first)["sender_pubkey"]
        assert "Invalid signature" in refusal(signed)

    def test_a_circle_is_refused(self) -> None:
        first, second = KEY_KINDS["ed25519"](), KEY_KINDS["ed25519"]()
        expiry = CLOCK.now_ns() + HOUR_NS
        links = [delegation(first, second, expiry), delegation(second, first, expiry)]
        assert "cycle" in refusal(self.signed(links, principal_of(first), first))

    def test_a_delegation_for_queries_signs_no_call(self) -> None:
        assert "queries only" in refusal(self.chain(1, permissions="queries")[0])

    def test_a_malformed_link_is_refused(self) -> None:
        key = KEY_KINDS["ed25519"]()
        assert "malformed" in refusal(self.signed([{"delegation": 1}], principal_of(key), key))
        assert sign(key, b"")  # the key itself is fine
