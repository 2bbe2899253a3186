"""Keys of the local network and what they sign: certificates, delegations, query replies.

BLS12-381 in the network's min-sig form (signatures in G1, keys in G2), Ed25519
for the node. Interface spec, "Certification" and "Query call".
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_arkworks_bls12381 import G1Point, G2Point, Scalar

from quri_console.ic.encoding import hash_tree
from quri_console.ic.encoding.cbor import CborValue
from quri_console.ic.encoding.der import bls_key_to_der
from quri_console.ic.encoding.principal import self_authenticating
from quri_console.ic.encoding.request_id import RESPONSE_SEPARATOR, STATE_ROOT_SEPARATOR, representation_hash
from quri_console.localnet.pieces import Pieces, encode_pieces

CborMap = dict[str, CborValue]
SIGNATURE_DOMAIN = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
SEED_BYTES = 32


class BlsKey:
    """A BLS secret key derived from a seed, with its public key in DER (133 bytes)."""

    def __init__(self, seed: bytes, role: str) -> None:
        digest = hashlib.sha512(role.encode() + b"\0" + seed).digest()
        self._secret = Scalar.from_be_bytes_mod_order(digest)
        self.public_key_der: bytes = bls_key_to_der((G2Point() * self._secret).to_compressed_bytes())

    @cached_property
    def principal(self) -> bytes:
        """Self-authenticating id of the subnet that holds this key."""
        return self_authenticating(self.public_key_der).bytes

    def sign_state_root(self, root_digest: bytes) -> bytes:
        """Signature (48 bytes) over a state tree's root digest."""
        point = G1Point.hash_to_curve(STATE_ROOT_SEPARATOR + root_digest, SIGNATURE_DOMAIN)
        signature: bytes = (point * self._secret).to_compressed_bytes()
        return signature


class NodeKey:
    """The Ed25519 key of the one node, which signs query replies."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"node\0" + seed).digest())
        self.public_key_der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @cached_property
    def principal(self) -> bytes:
        """Self-authenticating id of the node."""
        return self_authenticating(self.public_key_der).bytes

    def sign_response(self, response: CborMap, request_id: bytes, timestamp_ns: int) -> CborMap:
        """The element of `signatures` for a query response (without its own `signatures` field)."""
        signed: dict[str, Any] = {**response, "timestamp": timestamp_ns, "request_id": request_id}
        return {
            "timestamp": timestamp_ns,
            "signature": self._key.sign(RESPONSE_SEPARATOR + representation_hash(signed)),
            "identity": self.principal,
        }


@dataclass(frozen=True)
class NetworkKeys:
    """All keys of one network; made of one seed, so that a network kept on disk stays the same network."""

    seed: bytes = field(repr=False)
    delegated: bool

    @classmethod
    def make(cls, *, delegated: bool, randomness: Callable[[int], bytes] = os.urandom) -> NetworkKeys:
        """Fresh keys."""
        return cls(randomness(SEED_BYTES), delegated)

    @cached_property
    def root(self) -> BlsKey:
        """Key of the root subnet; clients trust it."""
        return BlsKey(self.seed, "root subnet")

    @cached_property
    def subnet(self) -> BlsKey:
        """Key of the subnet that hosts the canisters: the root subnet itself unless delegated."""
        return BlsKey(self.seed, "application subnet") if self.delegated else self.root

    @cached_property
    def stranger(self) -> BlsKey:
        """A key that nobody trusts, for forged certificates."""
        return BlsKey(self.seed, "stranger")

    @cached_property
    def node(self) -> NodeKey:
        """Key of the node that answers queries."""
        return NodeKey(self.seed)


def encode_certificate(tree: hash_tree.HashTree, signature: bytes, delegation: CborMap | None) -> Pieces:
    """CBOR of a certificate; `delegation` is left out where the root subnet signed."""
    certificate: CborMap = {"tree": hash_tree.to_cbor(tree), "signature": signature}
    if delegation is not None:
        certificate["delegation"] = delegation
    return encode_pieces(certificate)
