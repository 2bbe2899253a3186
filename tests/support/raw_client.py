"""Envelopes made by hand, so that a test can also make wrong ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from quri_console.clock import NANOSECONDS_PER_SECOND, Clock, SystemClock
from quri_console.ic.encoding import cbor
from quri_console.ic.encoding.principal import Principal, self_authenticating
from quri_console.ic.encoding.request_id import (
    DELEGATION_SEPARATOR,
    REQUEST_SEPARATOR,
    representation_hash,
    request_id,
)

PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey
KEY_KINDS: Mapping[str, Callable[[], PrivateKey]] = {
    "ed25519": Ed25519PrivateKey.generate,
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
}


def public_der(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def principal_of(key: PrivateKey) -> bytes:
    return bytes(self_authenticating(public_der(key)).bytes)


def sign(key: PrivateKey, message: bytes) -> bytes:
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(message)
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def key_from_pem(pem: bytes) -> PrivateKey:
    key = load_pem_private_key(pem, None)
    assert isinstance(key, Ed25519PrivateKey | ec.EllipticCurvePrivateKey)
    return key


def envelope(content: Mapping[str, Any], key: PrivateKey | None) -> dict[str, Any]:
    if key is None:
        return {"content": dict(content)}
    return {
        "content": dict(content),
        "sender_pubkey": public_der(key),
        "sender_sig": sign(key, REQUEST_SEPARATOR + request_id(content)),
    }


def delegation(signer: PrivateKey, to: PrivateKey, expiration_ns: int, **more: Any) -> dict[str, Any]:
    content = {"pubkey": public_der(to), "expiration": expiration_ns, **more}
    return {"delegation": content, "signature": sign(signer, DELEGATION_SEPARATOR + representation_hash(content))}


@dataclass
class RawClient:
    """One sender; every method returns the HTTP response as it came."""

    url: str
    key: PrivateKey | None = None
    clock: Clock = field(default_factory=SystemClock)
    http: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=30))

    @property
    def sender(self) -> bytes:
        return b"\x04" if self.key is None else principal_of(self.key)

    def content(self, kind: str, *, ahead_seconds: float = 120, **fields: Any) -> dict[str, Any]:
        expiry = self.clock.now_ns() + round(ahead_seconds * NANOSECONDS_PER_SECOND)
        return {"request_type": kind, "sender": self.sender, "ingress_expiry": expiry, **fields}

    def call_content(
        self, canister: bytes, method: str, argument: bytes = b"DIDL\0\0", **fields: Any
    ) -> dict[str, Any]:
        names = {"canister_id": canister, "method_name": method, "arg": argument, "nonce": os.urandom(16)}
        return self.content("call", **names, **fields)

    async def post(self, path: str, body: bytes) -> httpx.Response:
        return await self.http.post(self.url + path, content=body, headers={"Content-Type": "application/cbor"})

    async def send(
        self, content: Mapping[str, Any], *, effective: bytes | None = None, version: str = "v4"
    ) -> httpx.Response:
        target = content["canister_id"] if effective is None else effective
        path = f"/api/{version}/canister/{Principal(target).to_str()}/{content['request_type']}"
        return await self.post(path, cbor.encode(envelope(content, self.key)))

    async def query(
        self, canister: bytes, method: str, argument: bytes = b"DIDL\0\0", *, effective: bytes | None = None
    ) -> httpx.Response:
        content = self.content("query", canister_id=canister, method_name=method, arg=argument)
        return await self.send(content, effective=effective, version="v3")

    async def read_state(
        self, owner: bytes, paths: Sequence[Sequence[bytes]], *, version: str = "v3", of: str = "canister"
    ) -> httpx.Response:
        content = self.content("read_state", paths=[list(path) for path in paths])
        path = f"/api/{version}/{of}/{Principal(owner).to_str()}/read_state"
        return await self.post(path, cbor.encode(envelope(content, self.key)))

    async def aclose(self) -> None:
        await self.http.aclose()

    async def __aenter__(self) -> RawClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
