"""Signatures of single nodes under the answers to queries (interface specification, "Request: Query call")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

from cryptography.exceptions import InvalidSignature as WrongSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from quri_console.clock import NANOSECONDS_PER_SECOND, Clock
from quri_console.ic.certificates.errors import (
    CertificateOutdated,
    InvalidSignature,
    MalformedCertificate,
    MissingSignature,
    TooManySignatures,
    UnknownNode,
)
from quri_console.ic.certificates.verifier import DEFAULT_MAX_AGE_SECONDS
from quri_console.ic.encoding.cbor import CborValue
from quri_console.ic.encoding.der import MalformedPublicKey, ed25519_public_key_from_der
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.encoding.request_id import RESPONSE_SEPARATOR, Hashable, representation_hash


def verify_query_signatures(
    response: Mapping[str, CborValue],
    request_id: bytes,
    node_keys: Mapping[bytes, bytes],
    clock: Clock,
    max_age_seconds: float | None = DEFAULT_MAX_AGE_SECONDS,
) -> None:
    """Return if every signature of a query's answer is by a node in `node_keys` (id → DER) and of this moment.

    Raises MissingSignature, TooManySignatures, UnknownNode, CertificateOutdated, InvalidSignature or
    MalformedCertificate.
    """
    signatures = response.get("signatures")
    if not isinstance(signatures, list) or not signatures:
        raise MissingSignature
    if len(signatures) > len(node_keys):
        raise TooManySignatures(len(signatures), len(node_keys))
    signed_fields = _signed_fields(response)
    for signature in signatures:
        match signature:
            case {"timestamp": timestamp, "signature": bytes(value), "identity": bytes(node)} if _is_nat(timestamp):
                _check_age(timestamp, clock, max_age_seconds)
                content = {**signed_fields, "timestamp": timestamp, "request_id": request_id}
                _verify(_key_of(node, node_keys), RESPONSE_SEPARATOR + representation_hash(content), value)
            case _:
                raise MalformedCertificate("a node's signature lacks its time, value or node")


def _signed_fields(response: Mapping[str, CborValue]) -> dict[str, Hashable]:
    match response:
        case {"status": "replied", "reply": {"arg": bytes(argument)}}:
            return {"status": "replied", "reply": {"arg": argument}}
        case {"status": "rejected", "reject_code": code, "reject_message": str(message)} if _is_nat(code):
            fields: dict[str, Hashable] = {"status": "rejected", "reject_code": code, "reject_message": message}
            error_code = response.get("error_code")
            if isinstance(error_code, str):
                fields["error_code"] = error_code
            return fields
    raise MalformedCertificate("the answer to the query is neither a reply nor a rejection")


def _is_nat(value: CborValue) -> TypeGuard[int]:
    return type(value) is int and value >= 0


def _check_age(timestamp: int, clock: Clock, max_age_seconds: float | None) -> None:
    age = (clock.now_ns() - timestamp) / NANOSECONDS_PER_SECOND
    if max_age_seconds is not None and abs(age) > max_age_seconds:
        raise CertificateOutdated("The answer to a query is not from this moment", age, max_age_seconds)


def _key_of(node: bytes, node_keys: Mapping[bytes, bytes]) -> Ed25519PublicKey:
    der = node_keys.get(node)
    if der is None:
        raise UnknownNode(Principal(node).to_str())
    try:
        return Ed25519PublicKey.from_public_bytes(ed25519_public_key_from_der(der))
    except (MalformedPublicKey, ValueError) as error:
        raise MalformedCertificate(f"the key of node {Principal(node).to_str()} is not an Ed25519 key") from error


def _verify(key: Ed25519PublicKey, message: bytes, signature: bytes) -> None:
    try:
        key.verify(signature, message)
    except WrongSignature as error:
        raise InvalidSignature("the node's signature does not fit the answer") from error
