"""Who signed an envelope: the sender's key, directly or through a chain of delegations.

Interface spec, "Authentication" and "Signatures". Canister signatures and
WebAuthn are not modelled and are refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256K1, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from quri_console.ic.encoding.principal import self_authenticating
from quri_console.ic.encoding.request_id import DELEGATION_SEPARATOR, REQUEST_SEPARATOR, representation_hash
from quri_console.localnet.messages import ANONYMOUS

MAX_DELEGATIONS = 20
MAX_TARGETS = 1000
ECDSA_SIGNATURE_BYTES = 64


class InvalidEnvelopeSignature(Exception):
    """Why an envelope does not prove its sender, in the replica's words."""


@dataclass(frozen=True, slots=True)
class SenderAuthority:
    """What the proven sender may do with this envelope."""

    targets: frozenset[bytes] | None = None
    queries_only: bool = False


def authenticate(envelope: Mapping[str, Any], sender: bytes, request_id: bytes, now_ns: int) -> SenderAuthority:
    """Prove that `sender` stands behind the request; raises InvalidEnvelopeSignature."""
    public_key, signature = envelope.get("sender_pubkey"), envelope.get("sender_sig")
    delegations = envelope.get("sender_delegation")
    if sender == ANONYMOUS:
        if public_key is not None or signature is not None or delegations:
            raise InvalidEnvelopeSignature("Signature is not allowed for the anonymous sender")
        return SenderAuthority()
    if not isinstance(public_key, bytes) or not isinstance(signature, bytes):
        raise InvalidEnvelopeSignature("Missing signature")
    if self_authenticating(public_key).bytes != sender:
        raise InvalidEnvelopeSignature("The user id does not match the public key")
    signer, authority = _follow(public_key, delegations, now_ns)
    verify(signer, signature, REQUEST_SEPARATOR + request_id)
    return authority


def verify(public_key: bytes, signature: bytes, message: bytes) -> None:
    """Check one signature by a DER key; raises InvalidEnvelopeSignature."""
    key = _load(public_key)
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, message)
            return
        if len(signature) != ECDSA_SIGNATURE_BYTES:
            raise InvalidEnvelopeSignature("Invalid signature: ECDSA signatures have 64 bytes")
        half = ECDSA_SIGNATURE_BYTES // 2
        numbers = (int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
        key.verify(encode_dss_signature(*numbers), message, ECDSA(SHA256()))
    except InvalidSignature as error:
        raise InvalidEnvelopeSignature("Invalid signature: signature verification failed") from error


@lru_cache(maxsize=256)
def _load(public_key: bytes) -> Ed25519PublicKey | EllipticCurvePublicKey:
    try:
        key = load_der_public_key(public_key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidEnvelopeSignature(
            "Invalid public key: only Ed25519, secp256k1 and P-256 keys are supported by this network"
        ) from error
    if isinstance(key, Ed25519PublicKey):
        return key
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256K1 | SECP256R1):
        return key
    raise InvalidEnvelopeSignature("Invalid public key: only Ed25519, secp256k1 and P-256 are supported")


def _follow(public_key: bytes, delegations: object, now_ns: int) -> tuple[bytes, SenderAuthority]:
    """The last key of the delegation chain that begins at `public_key`, and what the chain still permits."""
    if delegations is None:
        return public_key, SenderAuthority()
    if not isinstance(delegations, Sequence) or isinstance(delegations, str | bytes):
        raise InvalidEnvelopeSignature("Invalid delegation: `sender_delegation` must be an array")
    if len(delegations) > MAX_DELEGATIONS:
        raise InvalidEnvelopeSignature(
            f"Chain of delegations is too long: got {len(delegations)} delegations, at most {MAX_DELEGATIONS}"
        )
    seen = {public_key}
    authority = SenderAuthority()
    for signed in delegations:
        public_key, authority = _delegate(public_key, signed, authority, now_ns)
        if public_key in seen:
            raise InvalidEnvelopeSignature("Chain of delegations contains at least one cycle")
        seen.add(public_key)
    return public_key, authority


def _delegate(signer: bytes, signed: object, authority: SenderAuthority, now_ns: int) -> tuple[bytes, SenderAuthority]:
    delegation = signed.get("delegation") if isinstance(signed, Mapping) else None
    if not isinstance(signed, Mapping) or not isinstance(delegation, Mapping):
        raise InvalidEnvelopeSignature("Invalid delegation: malformed element")
    present = {str(key): value for key, value in delegation.items() if value is not None}
    public_key, expiration_ns, signature = present.get("pubkey"), present.get("expiration"), signed.get("signature")
    if not isinstance(public_key, bytes) or not isinstance(signature, bytes) or not isinstance(expiration_ns, int):
        raise InvalidEnvelopeSignature("Invalid delegation: malformed element")
    if expiration_ns < now_ns:
        raise InvalidEnvelopeSignature(f"Invalid delegation expiry: {expiration_ns} is before {now_ns}")
    verify(signer, signature, DELEGATION_SEPARATOR + representation_hash(present))
    permissions = present.get("permissions", "all")
    if permissions not in {"all", "queries"}:
        raise InvalidEnvelopeSignature("Invalid delegation: unknown permissions")
    return public_key, SenderAuthority(
        _narrowed(authority.targets, present.get("targets")), authority.queries_only or permissions == "queries"
    )


def _narrowed(targets: frozenset[bytes] | None, more: object) -> frozenset[bytes] | None:
    if more is None:
        return targets
    if not isinstance(more, Sequence) or not all(isinstance(target, bytes) for target in more):
        raise InvalidEnvelopeSignature("Invalid delegation: `targets` must be an array of principals")
    if len(more) > MAX_TARGETS:
        raise InvalidEnvelopeSignature(f"Invalid delegation: more than {MAX_TARGETS} targets")
    return frozenset(more) if targets is None else targets & frozenset(more)
