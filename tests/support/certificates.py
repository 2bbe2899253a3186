"""Certificates signed by keys of the test, for everything that no recorded certificate shows."""

from __future__ import annotations

from collections.abc import Sequence

from py_arkworks_bls12381 import G1Point, G2Point, Scalar

from quri_console.ic.encoding import cbor, hash_tree, leb128
from quri_console.ic.encoding.der import bls_key_to_der
from quri_console.ic.encoding.hash_tree import Branches, HashTree
from quri_console.ic.encoding.principal import Principal, self_authenticating


class BlsKey:
    """A key pair of a subnet."""

    def __init__(self, secret: int) -> None:
        self._secret = Scalar(secret)
        self.der = bls_key_to_der((G2Point() * self._secret).to_compressed_bytes())
        self.subnet: Principal = self_authenticating(self.der)

    def sign(self, message: bytes) -> bytes:
        point = G1Point.hash_to_curve(message, b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_")
        signature: bytes = (point * self._secret).to_compressed_bytes()
        return signature


ROOT = BlsKey(1_000_003)
SUBNET = BlsKey(2_000_029)


def certificate(key: BlsKey, tree: HashTree, delegation: object = None) -> bytes:
    """The encoded certificate of a tree; without a delegation the field is left out."""
    fields = {"tree": hash_tree.to_cbor(tree), "signature": key.sign(b"\x0dic-state-root" + tree.digest)}
    if delegation is not None:
        fields["delegation"] = delegation
    return cbor.encode(fields)


def ranges(*pairs: tuple[Principal, Principal]) -> bytes:
    """The CBOR of canister ranges."""
    return cbor.encode([[low.bytes, high.bytes] for low, high in pairs])


def state(time_ns: int, branches: Branches | None = None) -> HashTree:
    """A state tree with a time."""
    return hash_tree.build({b"time": leb128.encode_unsigned(time_ns), **(branches or {})})


def delegation_to(
    subnet: BlsKey, time_ns: int, *, sharded: Branches | None = None, listed: bytes | None = None, by: BlsKey = ROOT
) -> dict[str, object]:
    """A delegation from the root key: shards of the new layout, one leaf of the old layout, or both."""
    known: dict[bytes, bytes] = {b"public_key": subnet.der}
    if listed is not None:
        known[b"canister_ranges"] = listed
    branches: dict[bytes, Branches] = {b"subnet": {subnet.subnet.bytes: known}}
    if sharded is not None:
        branches[b"canister_ranges"] = {subnet.subnet.bytes: sharded}
    return {"subnet_id": subnet.subnet.bytes, "certificate": certificate(by, state(time_ns, branches))}


def canister(number: int) -> Principal:
    """The canister id with this number."""
    return Principal(number.to_bytes(8) + b"\x01\x01")


def pruned(tree: HashTree, *paths: Sequence[bytes]) -> HashTree:
    """The tree that shows only these paths."""
    return hash_tree.prune(tree, paths)
