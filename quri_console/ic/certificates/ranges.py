"""Which canisters a subnet holds, as the root key certifies it, in both layouts of the state tree.

Interface specification, "Delegation": `/canister_ranges/<subnet>/<first id of the shard>` or, older,
`/subnet/<subnet>/canister_ranges`; each leaf is the CBOR of inclusive pairs of canister ids.
"""

from __future__ import annotations

from quri_console.ic.certificates.errors import CertificateNotAuthorized, MalformedCertificate
from quri_console.ic.encoding import cbor
from quri_console.ic.encoding.hash_tree import Found, HashTree, list_labels, lookup
from quri_console.ic.encoding.principal import Principal


def check_canister_in_ranges(tree: HashTree, subnet: Principal, canister: Principal) -> None:
    """Return if the tree proves that `subnet` holds `canister`; raises CertificateNotAuthorized otherwise."""
    leaf = _ranges_leaf(tree, subnet, canister)
    if leaf is None:
        raise CertificateNotAuthorized(f"it does not show which canisters subnet {subnet.to_str()} holds")
    if not any(low <= canister.bytes <= high for low, high in _decode_ranges(leaf)):
        raise CertificateNotAuthorized(f"{canister.to_str()} is not in the ranges of subnet {subnet.to_str()}")


def _ranges_leaf(tree: HashTree, subnet: Principal, canister: Principal) -> bytes | None:
    sharded = (b"canister_ranges", subnet.bytes)
    shards = list_labels(tree, sharded)
    if shards:
        path = (*sharded, max((shard for shard in shards if shard <= canister.bytes), default=shards[0]))
    else:
        path = (b"subnet", subnet.bytes, b"canister_ranges")
    match lookup(tree, path):
        case Found(leaf):
            return leaf
    return None


def _decode_ranges(leaf: bytes) -> list[tuple[bytes, bytes]]:
    ranges: list[tuple[bytes, bytes]] = []
    listed = cbor.decode(leaf)
    for pair in listed if isinstance(listed, list) else [None]:
        match pair:
            case [bytes(low), bytes(high)]:
                ranges.append((low, high))
            case _:
                raise MalformedCertificate("its canister ranges are not pairs of canister ids")
    return ranges
