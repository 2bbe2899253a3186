"""The certified state tree and the parts of it that an answer may show.

Interface spec, "The system state tree" and "Request: read state". The tree is
never rebuilt as a whole: canisters and request statuses are tries that keep
their digests, and a certificate costs one digest per level.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from quri_console.clock import Clock
from quri_console.ic.encoding import cbor, hash_tree, leb128
from quri_console.ic.encoding.hash_tree import Branches, Fork, HashTree, Labeled, Pruned
from quri_console.localnet import label_trie
from quri_console.localnet.network import Network
from quri_console.localnet.request_history import RequestHistory
from quri_console.localnet.signing import NetworkKeys

Path = tuple[bytes, ...]

CANISTER = b"canister"
CANISTER_RANGES = b"canister_ranges"
CERTIFIED_DATA = b"certified_data"
REQUEST_STATUS = b"request_status"
SUBNET = b"subnet"
TIME = b"time"


def encode_ranges(ranges: Sequence[tuple[bytes, bytes]]) -> bytes:
    """CBOR of inclusive canister id ranges, as leaves of both layouts hold it."""
    return cbor.encode([list(bounds) for bounds in ranges])


@dataclass(frozen=True)
class SubnetFacts:
    """`/subnet` and `/canister_ranges` of the state; new when the id ranges change."""

    keys: NetworkKeys
    ranges: tuple[tuple[bytes, bytes], ...]

    @cached_property
    def subnets(self) -> HashTree:
        """`/subnet` with both layouts' data."""
        facts: dict[bytes, dict[bytes, Branches | bytes]] = {
            self.keys.root.principal: {b"public_key": self.keys.root.public_key_der, b"type": b"system"}
        }
        own = facts.setdefault(
            self.keys.subnet.principal, {b"public_key": self.keys.subnet.public_key_der, b"type": b"application"}
        )
        own[b"canister_ranges"] = encode_ranges(self.ranges)
        own[b"node"] = {self.keys.node.principal: {b"public_key": self.keys.node.public_key_der}}
        return hash_tree.build(facts)

    @cached_property
    def shards(self) -> HashTree:
        """`/canister_ranges` with one shard: the JavaScript agent chooses among several wrongly."""
        return hash_tree.build({self.keys.subnet.principal: {self.ranges[0][0]: encode_ranges(self.ranges)}})

    def visible_subnet_paths(self, *, old_layout: bool) -> list[Path]:
        """What a request for the whole `/subnet` shows."""
        labels = [b"public_key", b"type"]
        paths: list[Path] = [(self.keys.root.principal, label) for label in labels]
        own = [*labels, b"node"]
        if old_layout or not self.keys.delegated:
            own.append(b"canister_ranges")
        return paths + [(self.keys.subnet.principal, label) for label in own]


class StateTree:
    """The network's state as one hash tree."""

    def __init__(self, network: Network, history: RequestHistory, keys: NetworkKeys, clock: Clock) -> None:
        self._network = network
        self._history = history
        self.keys = keys
        self.facts = SubnetFacts(keys, ())
        self._clock = clock
        self._canisters: label_trie.Node | None = None
        self._seen: dict[bytes, Mapping[bytes, object]] = {}
        self._seen_version = -1

    def witness(self, paths: Iterable[Path], *, old_layout: bool = False, time_ns: int | None = None) -> HashTree:
        """The tree that shows `paths` (and `/time`, at `time_ns` or now) and prunes everything else."""
        wanted: dict[bytes, list[Path]] = {}
        for path in paths:
            wanted.setdefault(path[0], []).append(path[1:])
        self._refresh()
        return _assemble(
            {
                CANISTER: self._canister_witness(wanted.get(CANISTER)),
                CANISTER_RANGES: _shown(self.facts.shards, wanted.get(CANISTER_RANGES)),
                REQUEST_STATUS: self._request_witness(wanted.get(REQUEST_STATUS)),
                SUBNET: _shown(self.facts.subnets, self._subnet_paths(wanted.get(SUBNET), old_layout)),
                TIME: hash_tree.Leaf(leb128.encode_unsigned(self._clock.now_ns() if time_ns is None else time_ns)),
            }
        )

    def certified_data(self, canister_id: bytes) -> object:
        """What the canister has set, as the tree shows it now."""
        return self._network.canister_tree(canister_id).get(CERTIFIED_DATA)

    def _refresh(self) -> None:
        """Take over what changed about canisters since the last certificate."""
        version = self._network.state_version
        if version == self._seen_version:
            return
        self._seen_version = version
        ranges = tuple(self._network.canister_ranges())
        if ranges != self.facts.ranges:
            self.facts = SubnetFacts(self.keys, ranges)
        present = self._network.canister_ids()
        for canister_id in self._seen.keys() - set(present):
            del self._seen[canister_id]
            self._canisters = label_trie.remove(self._canisters, canister_id)
        for canister_id in present:
            tree = self._network.canister_tree(canister_id)
            if self._seen.get(canister_id) != tree:
                self._seen[canister_id] = tree
                entry = label_trie.entry(canister_id, hash_tree.build(tree))
                self._canisters = label_trie.insert(self._canisters, entry)

    def _canister_witness(self, paths: Sequence[Path] | None) -> HashTree:
        root = self._canisters
        if paths is None:
            return Pruned(label_trie.trie_digest(root))
        wanted: dict[bytes, list[Path]] = {}
        for canister_id, *rest in paths:
            wanted.setdefault(canister_id, []).append(tuple(rest))
        found = {canister_id: label_trie.find(root, canister_id) for canister_id in wanted}
        return label_trie.witness(
            root,
            {
                canister_id: hash_tree.prune(entry.subtree, wanted[canister_id])
                for canister_id, entry in found.items()
                if entry is not None
            },
            [canister_id for canister_id, entry in found.items() if entry is None],
        )

    def _request_witness(self, paths: Sequence[Path] | None) -> HashTree:
        root = self._history.root
        if paths is None:
            return Pruned(label_trie.trie_digest(root))
        ids = {path[0] for path in paths}
        found = {request_id: label_trie.find(root, request_id) for request_id in ids}
        # The whole status: the Rust agent fails unless `error_code` is provably absent or there.
        shown = {request_id: entry.subtree for request_id, entry in found.items() if entry is not None}
        return label_trie.witness(root, shown, [request_id for request_id, entry in found.items() if entry is None])

    def _subnet_paths(self, paths: Sequence[Path] | None, old_layout: bool) -> Sequence[Path] | None:
        if paths is None:
            return None
        visible = self.facts.visible_subnet_paths(old_layout=old_layout)
        shown: list[Path] = []
        for path in paths:
            below = [candidate for candidate in visible if candidate[: len(path)] == path]
            shown += below or [path]
        return shown


def delegation_tree(facts: SubnetFacts, time_ns: int, *, old_layout: bool) -> HashTree:
    """What the root subnet certifies about the subnet below it."""
    subnet = facts.keys.subnet.principal
    time = Labeled(TIME, hash_tree.Leaf(leb128.encode_unsigned(time_ns)))
    paths: list[Path] = [(subnet, b"public_key")]
    if old_layout:
        return Fork(Labeled(SUBNET, hash_tree.prune(facts.subnets, [*paths, (subnet, b"canister_ranges")])), time)
    return Fork(
        Fork(Labeled(CANISTER_RANGES, facts.shards), Labeled(SUBNET, hash_tree.prune(facts.subnets, paths))), time
    )


def _shown(tree: HashTree, paths: Sequence[Path] | None) -> HashTree:
    return Pruned(hash_tree.digest(tree)) if paths is None else hash_tree.prune(tree, paths)


def _assemble(parts: Mapping[bytes, HashTree]) -> HashTree:
    """The top of the tree; a part that shows nothing is pruned together with its label."""
    canister, ranges, requests, subnets, time = (_top(label, parts[label]) for label in sorted(parts))
    return Fork(_fork(_fork(canister, ranges), requests), _fork(subnets, time))


def _top(label: bytes, subtree: HashTree) -> HashTree:
    labeled = Labeled(label, subtree)
    return Pruned(hash_tree.digest(labeled)) if isinstance(subtree, Pruned) else labeled


def _fork(left: HashTree, right: HashTree) -> HashTree:
    fork = Fork(left, right)
    both_pruned = isinstance(left, Pruned) and isinstance(right, Pruned)
    return Pruned(hash_tree.digest(fork)) if both_pruned else fork
