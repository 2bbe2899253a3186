"""Signed requests as the journal keeps them, so that a later process can send the very same one again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.effects.durable import Json
from quri_console.ic.encoding.principal import parse_principal

if TYPE_CHECKING:
    from quri_console.ic.agent import SignedCall


def signed_call_json(call: SignedCall) -> Json:
    """A signed call as JSON fields; it holds a signature, never a key."""
    return {
        "request_id": call.request_id.hex(),
        "envelope": call.envelope.hex(),
        "canister": call.canister.to_str(),
        "effective_canister": call.effective_canister.to_str(),
        "method": call.method,
        "ingress_expiry_ns": call.ingress_expiry_ns,
    }


def signed_call_from_json(fields: Json) -> SignedCall:
    """The call that `signed_call_json` wrote."""
    from quri_console.ic.agent import SignedCall

    return SignedCall(
        request_id=bytes.fromhex(fields["request_id"]),
        envelope=bytes.fromhex(fields["envelope"]),
        canister=parse_principal(fields["canister"]),
        effective_canister=parse_principal(fields["effective_canister"]),
        method=fields["method"],
        ingress_expiry_ns=fields["ingress_expiry_ns"],
    )
