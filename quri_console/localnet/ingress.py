"""Checks of a signed envelope before anything else looks at it.

Interface spec, "Authentication" and "Request: call / query / read_state".
Everything here refuses with the HTTP status and the wording of the replica,
because clients act on both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from quri_console.clock import NANOSECONDS_PER_SECOND, Clock, utc_datetime
from quri_console.errors import QuriError
from quri_console.ic.encoding import cbor
from quri_console.ic.encoding.request_id import request_id
from quri_console.localnet.envelope_signatures import (
    InvalidEnvelopeSignature,
    SenderAuthority,
    authenticate,
)
from quri_console.localnet.messages import ANONYMOUS

MAX_INGRESS_AHEAD_SECONDS = 5 * 60
PERMITTED_DRIFT_SECONDS = 30
MAX_INGRESS_BYTES = 2 * 1024 * 1024
MAX_NONCE_BYTES = 32
MAX_PRINCIPAL_BYTES = 29
MAX_PATHS = 1000
MAX_PATH_LABELS = 127

RequestType = Literal["call", "query", "read_state"]


class RequestRefused(Exception):
    """An HTTP status (4xx) and the text that goes with it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """The content of an envelope whose signatures, sender and expiry hold."""

    request_type: RequestType
    request_id: bytes
    sender: bytes
    ingress_expiry_ns: int
    canister: bytes = b""
    method: str = ""
    argument: bytes = b""
    paths: tuple[tuple[bytes, ...], ...] = ()
    targets: frozenset[bytes] | None = None
    """Canisters that the sender's delegations are limited to; None: all."""


def check_envelope(body: bytes, expected: RequestType, clock: Clock) -> CheckedRequest:
    """The request in `body`; raises RequestRefused for everything that the network turns away."""
    envelope, content = _decode(body, expected)
    sender = _bytes(content, "sender", MAX_PRINCIPAL_BYTES)
    expiry_ns = _natural(content, "ingress_expiry")
    _check_nonce(content)
    now_ns = clock.now_ns()
    if sender != ANONYMOUS or expected == "call":
        _check_expiry(expiry_ns, now_ns)
    identifier = request_id(content)
    try:
        authority = authenticate(envelope, sender, identifier, now_ns)
    except InvalidEnvelopeSignature as error:
        raise RequestRefused(400, f"Failed to authenticate request 0x{identifier.hex()} due to: {error}") from error
    return _checked(content, expected, identifier, authority)


def _decode(body: bytes, expected: RequestType) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    if expected == "call" and len(body) > MAX_INGRESS_BYTES:
        raise RequestRefused(
            413, f"Request is too large: {len(body)} bytes are larger than the max allowed {MAX_INGRESS_BYTES}"
        )
    try:
        envelope = cbor.decode(body)
    except QuriError as error:
        raise RequestRefused(400, f"Could not parse body as CBOR: {error}") from error
    content = envelope.get("content") if isinstance(envelope, Mapping) else None
    if not isinstance(envelope, Mapping) or not isinstance(content, Mapping):
        raise RequestRefused(400, "Could not parse body as an envelope: missing field `content`")
    if content.get("request_type") != expected:
        raise RequestRefused(400, f"Unexpected request_type: expected {expected}, got {content.get('request_type')!r}")
    if content.get("sender_info") is not None:
        raise RequestRefused(400, "sender_info is not supported by this network")
    present = {str(key): value for key, value in content.items() if value is not None}
    return envelope, present


def _checked(
    content: Mapping[str, Any], expected: RequestType, identifier: bytes, authority: SenderAuthority
) -> CheckedRequest:
    sender, expiry_ns = content["sender"], content["ingress_expiry"]
    if expected == "read_state":
        return CheckedRequest(
            expected, identifier, sender, expiry_ns, paths=_paths(content.get("paths")), targets=authority.targets
        )
    if expected == "call" and authority.queries_only:
        raise RequestRefused(400, "The delegation permits queries only")
    method = content.get("method_name")
    if not isinstance(method, str):
        raise RequestRefused(400, "Could not parse body as an envelope: `method_name` must be text")
    return CheckedRequest(
        expected,
        identifier,
        sender,
        expiry_ns,
        canister=_bytes(content, "canister_id", MAX_PRINCIPAL_BYTES),
        method=method,
        argument=_bytes(content, "arg", MAX_INGRESS_BYTES * 2),
        targets=authority.targets,
    )


def _check_nonce(content: Mapping[str, Any]) -> None:
    nonce = content.get("nonce")
    if nonce is not None and not (isinstance(nonce, bytes) and len(nonce) <= MAX_NONCE_BYTES):
        raise RequestRefused(400, f"Nonce must be a blob of at most {MAX_NONCE_BYTES} bytes")


def _check_expiry(expiry_ns: int, now_ns: int) -> None:
    latest_ns = now_ns + (MAX_INGRESS_AHEAD_SECONDS + PERMITTED_DRIFT_SECONDS) * NANOSECONDS_PER_SECOND
    if now_ns <= expiry_ns <= latest_ns:
        return
    raise RequestRefused(
        400,
        # The JavaScript agent looks for the first words to synchronise its clock.
        "Invalid request expiry: Specified ingress_expiry not within expected range: "
        f"Minimum allowed expiry: {_timestamp(now_ns)}, Maximum allowed expiry: {_timestamp(latest_ns)}, "
        f"Provided expiry: {_timestamp(expiry_ns)}",
    )


def _timestamp(time_ns: int) -> str:
    try:
        return utc_datetime(time_ns).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError):
        return f"{time_ns} ns"


def _paths(value: object) -> tuple[tuple[bytes, ...], ...]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise RequestRefused(400, "Could not parse body as an envelope: `paths` must be an array")
    if len(value) > MAX_PATHS:
        raise RequestRefused(400, f"Too many paths in read_state request: got {len(value)}, at most {MAX_PATHS}")
    paths = []
    for path in value:
        if not isinstance(path, Sequence) or not all(isinstance(label, bytes) for label in path):
            raise RequestRefused(400, "Could not parse body as an envelope: a path must be an array of blobs")
        if len(path) > MAX_PATH_LABELS:
            raise RequestRefused(
                400, f"At least one of the requested paths is too deep: {len(path)} labels, at most {MAX_PATH_LABELS}"
            )
        paths.append(tuple(path))
    return tuple(paths)


def _bytes(content: Mapping[str, Any], key: str, longest: int) -> bytes:
    value = content.get(key)
    if not isinstance(value, bytes) or len(value) > longest:
        raise RequestRefused(
            400, f"Could not parse body as an envelope: `{key}` must be a blob of at most {longest} bytes"
        )
    return value


def _natural(content: Mapping[str, Any], key: str) -> int:
    value = content.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise RequestRefused(400, f"Could not parse body as an envelope: `{key}` must be a natural number")
    return value
