"""Signed requests (interface specification, "Authentication" and "Request: call, query, read_state").

A signed call is a value that can be written down before it is sent: after a crash the same bytes are sent again,
and its status is asked for, without the key.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.errors import CorruptionError
from quri_console.ic.encoding import cbor
from quri_console.ic.encoding.cbor import MalformedCbor
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.encoding.request_id import REQUEST_SEPARATOR, request_id
from quri_console.ic.identity import Identity

INGRESS_SECONDS = 240
"""How long a request may be executed: a minute less than the network accepts, for clocks that differ."""

STATUS_SECONDS = 270
"""How long the status read that goes with a call may be used: beyond the call's own expiry."""

NONCE_BYTES = 16

Path = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class SignedCall:
    """An update call with its signature, and a signed read of its own status. The network executes it at most once.

    `ingress_expiry_ns` and `status_expiry_ns` are nanoseconds since 1970: until then the network takes them.
    """

    request_id: bytes
    canister: Principal
    effective_canister: Principal
    method: str
    sender: Principal
    ingress_expiry_ns: int
    envelope: bytes = field(repr=False)
    status_expiry_ns: int
    status_envelope: bytes = field(repr=False)

    @property
    def subject(self) -> str:
        """What an error message calls it: `stop_canister of rrkah-…`."""
        return f"{self.method} of {self.effective_canister.to_str()}"

    @property
    def status_path(self) -> tuple[bytes, bytes]:
        """Where the state tree keeps what became of it."""
        return _status_path(self.request_id)

    def to_json(self) -> dict[str, Any]:
        """A JSON object for a journal. It holds signatures, not the key; but whoever has it can send the call."""
        return {
            "request_id": self.request_id.hex(),
            "canister": self.canister.to_str(),
            "effective_canister": self.effective_canister.to_str(),
            "method": self.method,
            "sender": self.sender.to_str(),
            "ingress_expiry_ns": self.ingress_expiry_ns,
            "envelope": base64.b64encode(self.envelope).decode(),
            "status_expiry_ns": self.status_expiry_ns,
            "status_envelope": base64.b64encode(self.status_envelope).decode(),
        }

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> SignedCall:
        """The call of a JSON object; CorruptionError when it is damaged or its id is not that of its envelope."""
        try:
            call = _from_json(document)
            content = _content(call.envelope)
        except (KeyError, TypeError, ValueError, binascii.Error, MalformedCbor) as error:
            raise _damaged(str(error)) from error
        claimed = {
            "request_type": "call",
            "canister_id": call.canister.bytes,
            "method_name": call.method,
            "sender": call.sender.bytes,
            "ingress_expiry": call.ingress_expiry_ns,
        }
        if request_id(content) != call.request_id or any(content.get(key) != claimed[key] for key in claimed):
            raise _damaged("its fields are not those of its envelope")
        return call


def _from_json(document: Mapping[str, Any]) -> SignedCall:
    return SignedCall(
        request_id=bytes.fromhex(document["request_id"]),
        canister=Principal.from_str(document["canister"]),
        effective_canister=Principal.from_str(document["effective_canister"]),
        method=str(document["method"]),
        sender=Principal.from_str(document["sender"]),
        ingress_expiry_ns=int(document["ingress_expiry_ns"]),
        envelope=base64.b64decode(document["envelope"], validate=True),
        status_expiry_ns=int(document["status_expiry_ns"]),
        status_envelope=base64.b64decode(document["status_envelope"], validate=True),
    )


def _content(envelope: bytes) -> dict[str, Any]:
    match cbor.decode(envelope):
        case {"content": dict(content)}:
            return content
    raise ValueError("its envelope has no content")


def _damaged(why: str) -> CorruptionError:
    return CorruptionError(
        "A signed request in the journal is damaged",
        why=why,
        next_step="Look at the canister itself to see what was done; do not repeat the request blindly.",
    )


def sign_call(
    identity: Identity,
    canister: Principal,
    method: str,
    argument: bytes,
    *,
    effective_canister: Principal,
    now_ns: int,
    randomness: Callable[[int], bytes],
    valid_seconds: float = INGRESS_SECONDS,
) -> SignedCall:
    """An update call that may be executed for the next `valid_seconds`. A nonce makes each one different."""
    expiry = now_ns + round(valid_seconds * NANOSECONDS_PER_SECOND)
    content: dict[str, Any] = {
        "request_type": "call",
        "canister_id": canister.bytes,
        "method_name": method,
        "arg": argument,
        "sender": identity.sender.bytes,
        "ingress_expiry": expiry,
        "nonce": randomness(NONCE_BYTES),
    }
    identifier, envelope = _sign(identity, content)
    status_expiry = now_ns + STATUS_SECONDS * NANOSECONDS_PER_SECOND
    return SignedCall(
        request_id=identifier,
        canister=canister,
        effective_canister=effective_canister,
        method=method,
        sender=identity.sender,
        ingress_expiry_ns=expiry,
        envelope=envelope,
        status_expiry_ns=status_expiry,
        status_envelope=sign_read_state(identity, [_status_path(identifier)], status_expiry),
    )


def _status_path(identifier: bytes) -> tuple[bytes, bytes]:
    """Where the state tree keeps what became of a request."""
    return b"request_status", identifier


def sign_query(
    identity: Identity, canister: Principal, method: str, argument: bytes, expiry_ns: int
) -> tuple[bytes, bytes]:
    """Request id and envelope of a query."""
    content = {
        "request_type": "query",
        "canister_id": canister.bytes,
        "method_name": method,
        "arg": argument,
        "sender": identity.sender.bytes,
        "ingress_expiry": expiry_ns,
    }
    return _sign(identity, content)


def sign_read_state(identity: Identity, paths: Sequence[Path], expiry_ns: int) -> bytes:
    """The envelope of a read of the state tree."""
    content = {
        "request_type": "read_state",
        "paths": [list(path) for path in paths],
        "sender": identity.sender.bytes,
        "ingress_expiry": expiry_ns,
    }
    return _sign(identity, content)[1]


def _sign(identity: Identity, content: dict[str, Any]) -> tuple[bytes, bytes]:
    identifier = request_id(content)
    envelope: dict[str, Any] = {"content": content}
    if identity.public_key_der is not None:
        envelope["sender_pubkey"] = identity.public_key_der
        envelope["sender_sig"] = identity.sign(REQUEST_SEPARATOR + identifier)
    return identifier, cbor.encode(envelope)
