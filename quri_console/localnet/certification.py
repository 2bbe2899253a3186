"""Certificates over the state tree and signatures over query replies."""

from __future__ import annotations

from collections.abc import Sequence

from quri_console.clock import NANOSECONDS_PER_SECOND, Clock
from quri_console.ic.encoding import hash_tree
from quri_console.localnet.faults import Action, ForgedCertificate, StaleCertificate
from quri_console.localnet.pieces import Pieces
from quri_console.localnet.signing import CborMap, encode_certificate
from quri_console.localnet.state_tree import CANISTER, CERTIFIED_DATA, Path, StateTree, SubnetFacts, delegation_tree

DELEGATION_RENEWAL_NS = 24 * 3600 * NANOSECONDS_PER_SECOND
"""Clients accept delegations of up to 30 days; the network renews them far more often."""


class Certifier:
    """Signs what the state tree shows."""

    def __init__(self, tree: StateTree, clock: Clock) -> None:
        self._tree = tree
        self._keys = tree.keys
        self._clock = clock
        self._delegations: dict[bool, tuple[int, SubnetFacts, CborMap]] = {}
        self._data_certificates: dict[bytes, tuple[int, object, bytes]] = {}

    def certify(self, paths: Sequence[Path], *, old_layout: bool, faults: Sequence[Action] = ()) -> Pieces:
        """A certificate (CBOR) that shows `paths` and `/time`."""
        tree = self._tree.witness(paths, old_layout=old_layout, time_ns=self._clock.now_ns() - _age_ns(faults))
        forged = next((fault for fault in faults if isinstance(fault, ForgedCertificate)), None)
        key = self._keys.stranger if forged and not forged.content else self._keys.subnet
        signature = key.sign_state_root(hash_tree.digest(tree))
        if forged and forged.content:
            tree = with_altered_leaf(tree)
        return encode_certificate(tree, signature, self._delegation(old_layout))

    def certify_data(self, canister_id: bytes, *, old_layout: bool) -> bytes:
        """What `ic0.data_certificate_copy` hands out in queries; up to a second old, as on the network."""
        now_ns = self._clock.now_ns()
        data = self._tree.certified_data(canister_id)
        signed_ns, signed_data, certificate = self._data_certificates.get(canister_id, (0, None, b""))
        if signed_data != data or not 0 <= now_ns - signed_ns < NANOSECONDS_PER_SECOND:
            path = (CANISTER, canister_id, CERTIFIED_DATA)
            certificate = b"".join(self.certify([path], old_layout=old_layout))
            self._data_certificates[canister_id] = (now_ns, data, certificate)
        return certificate

    def sign_query(self, response: CborMap, request_id: bytes, faults: Sequence[Action] = ()) -> CborMap:
        """The query response with its `signatures`."""
        time_ns = self._clock.now_ns() - _age_ns(faults)
        forged = any(isinstance(fault, ForgedCertificate) for fault in faults)
        signature = self._keys.node.sign_response(response, bytes(32) if forged else request_id, time_ns)
        return {**response, "signatures": [signature]}

    def _delegation(self, old_layout: bool) -> CborMap | None:
        if not self._keys.delegated:
            return None
        now_ns = self._clock.now_ns()
        facts = self._tree.facts
        signed_ns, signed_facts, delegation = self._delegations.get(old_layout, (0, None, {}))
        if signed_facts is not facts or now_ns - signed_ns > DELEGATION_RENEWAL_NS:
            tree = delegation_tree(facts, now_ns, old_layout=old_layout)
            signature = self._keys.root.sign_state_root(hash_tree.digest(tree))
            certificate = b"".join(encode_certificate(tree, signature, None))
            delegation = {"subnet_id": self._keys.subnet.principal, "certificate": certificate}
            self._delegations[old_layout] = (now_ns, facts, delegation)
        return delegation


def with_altered_leaf(tree: hash_tree.HashTree) -> hash_tree.HashTree:
    """The tree with one bit of its first leaf flipped: what a forger would do."""
    match tree:
        case hash_tree.Leaf(value=value):
            return hash_tree.Leaf(bytes([value[0] ^ 1]) + value[1:] if value else b"\0")
        case hash_tree.Labeled(label=label, subtree=subtree):
            return hash_tree.Labeled(label, with_altered_leaf(subtree))
        case hash_tree.Fork(left=left, right=right):
            altered = with_altered_leaf(left)
            return hash_tree.Fork(left, with_altered_leaf(right)) if altered is left else hash_tree.Fork(altered, right)
        case _:
            return tree


def _age_ns(faults: Sequence[Action]) -> int:
    seconds = sum(fault.age_seconds for fault in faults if isinstance(fault, StaleCertificate))
    return round(seconds * NANOSECONDS_PER_SECOND)
