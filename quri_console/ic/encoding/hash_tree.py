"""Merkle trees of the certified state: nodes, digests, their CBOR form and lookup.

Interface specification, "Certificates": encoding, root hash, well-formedness and lookup. Building and pruning are
what a replica does before it signs.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar, Union

from quri_console.errors import NetworkError
from quri_console.ic.encoding.cbor import CborValue

DIGEST_BYTES = 32
MAX_DEPTH = 128

_FORK_SEPARATOR = b"\x10ic-hashtree-fork"
_LABELED_SEPARATOR = b"\x13ic-hashtree-labeled"
_LEAF_SEPARATOR = b"\x10ic-hashtree-leaf"
_EMPTY_DIGEST = hashlib.sha256(b"\x11ic-hashtree-empty").digest()

_sha256 = hashlib.sha256
_set = object.__setattr__  # how a frozen dataclass fills in its digest


class MalformedHashTree(NetworkError):
    """The tree is not well-formed: wrong node shapes, unordered labels, or deeper than any real one."""


@dataclass(frozen=True, slots=True)
class Empty:
    """A tree without labels."""

    digest: bytes = field(default=_EMPTY_DIGEST, init=False, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Fork:
    """Two trees whose labels stand on one level, all of `left` before all of `right`."""

    left: HashTree
    right: HashTree
    digest: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _set(self, "digest", _sha256(_FORK_SEPARATOR + self.left.digest + self.right.digest).digest())


@dataclass(frozen=True, slots=True)
class Labeled:
    """A subtree under one label."""

    label: bytes
    subtree: HashTree
    digest: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _set(self, "digest", _sha256(_LABELED_SEPARATOR + self.label + self.subtree.digest).digest())


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value."""

    value: bytes
    digest: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        running = _sha256(_LEAF_SEPARATOR)
        running.update(self.value)  # not concatenated: a reply is two megabytes
        _set(self, "digest", running.digest())


@dataclass(frozen=True, slots=True)
class Pruned:
    """A tree of which only the digest is given."""

    digest: bytes


HashTree: TypeAlias = Empty | Fork | Labeled | Leaf | Pruned

Branches: TypeAlias = Mapping[bytes, Union[bytes, HashTree, "Branches"]]
"""Labels with the value, the ready tree or the further labels below each."""

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Found(Generic[T_co]):
    """The tree holds this at the path."""

    value: T_co


@dataclass(frozen=True, slots=True)
class Absent:
    """The tree proves that nothing is at the path."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The tree does not show what is at the path; a part that could tell is pruned."""


@dataclass(frozen=True, slots=True)
class NotALeaf:
    """The path leads to further labels, not to a value."""


def digest(tree: HashTree) -> bytes:
    """The 32-byte root hash; computed once, when the node was made."""
    return tree.digest


def from_cbor(value: CborValue) -> HashTree:
    """The tree of a decoded CBOR value; raises MalformedHashTree unless it is well-formed."""
    tree = _node(value, MAX_DEPTH)
    _check_order(tree)
    return tree


def to_cbor(tree: HashTree) -> list[CborValue]:
    """The nested arrays that encode the tree."""
    match tree:
        case Fork(left, right):
            return [1, to_cbor(left), to_cbor(right)]
        case Labeled(label, subtree):
            return [2, label, to_cbor(subtree)]
        case Leaf(value):
            return [3, value]
        case Pruned(hidden):
            return [4, hidden]
        case Empty():
            return [0]


def lookup(tree: HashTree, path: Sequence[bytes]) -> Found[bytes] | Absent | Unknown | NotALeaf:
    """The value at `path`, or what the tree proves about it."""
    match lookup_subtree(tree, path):
        case Found(Leaf(value)):
            return Found(value)
        case Found():
            return NotALeaf()
        case missing:
            return missing


def lookup_subtree(tree: HashTree, path: Sequence[bytes]) -> Found[HashTree] | Absent | Unknown:
    """The tree below `path`, or whether it is provably absent."""
    for label in path:
        match _find_label(tree, label):
            case Found(subtree):
                tree = subtree
            case missing:
                return missing
    match tree:
        case Empty():
            return Absent()
        case Pruned():
            return Unknown()
    return Found(tree)


def list_labels(tree: HashTree, path: Sequence[bytes] = ()) -> tuple[bytes, ...]:
    """The labels that the tree shows directly below `path`, in order; pruned ones are not among them."""
    match lookup_subtree(tree, path):
        case Found(subtree):
            return tuple(node.label for node in level(subtree) if isinstance(node, Labeled))
    return ()


def level(tree: HashTree) -> Iterator[Empty | Labeled | Leaf | Pruned]:
    """The nodes of one level from left to right, with the forks that join them taken away."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Fork):
            waiting += (node.right, node.left)
        else:
            yield node


def build(labeled: Branches) -> HashTree:
    """The whole tree: labels in order, forks balanced. A ready subtree is taken as it is, with its digest."""
    nodes: list[HashTree] = [Labeled(label, _subtree(labeled[label])) for label in sorted(labeled)]
    return _balanced(nodes) if nodes else Empty()


def prune(tree: HashTree, paths: Sequence[Sequence[bytes]]) -> HashTree:
    """The tree with the same digest that shows what is at each path, or proves that nothing is there."""
    if any(not path for path in paths):
        return tree
    if not isinstance(tree, (Fork, Labeled)):
        return tree if paths else Pruned(tree.digest)
    wanted: dict[bytes, list[Sequence[bytes]]] = {}
    for path in paths:
        wanted.setdefault(path[0], []).append(path[1:])
    witnesses = _witnesses(tree, wanted)
    return _prune_level(tree, wanted, witnesses)


def _find_label(tree: HashTree, label: bytes) -> Found[HashTree] | Absent | Unknown:
    hidden_before = False  # a pruned part stands where the label would be
    for node in level(tree):
        match node:
            case Labeled(candidate, subtree):
                if candidate == label:
                    return Found(subtree)
                if candidate > label:
                    break
                hidden_before = False
            case Pruned():
                hidden_before = True
    return Unknown() if hidden_before else Absent()


def _node(value: CborValue, depth: int) -> HashTree:
    if depth < 0:
        raise MalformedHashTree(f"The state tree is deeper than {MAX_DEPTH} levels")
    # `type(…) is int`, because True and 1.0 equal 1; ifs, because a match takes three times as long
    if isinstance(value, list) and value and type(value[0]) is int:
        kind, size = value[0], len(value)
        if kind == 1 and size == 3:
            return Fork(_node(value[1], depth - 1), _node(value[2], depth - 1))
        if kind == 4 and size == 2 and isinstance(value[1], bytes) and len(value[1]) == DIGEST_BYTES:
            return Pruned(value[1])
        if kind == 2 and size == 3 and isinstance(value[1], bytes):
            return Labeled(value[1], _node(value[2], depth - 1))
        if kind == 3 and size == 2 and isinstance(value[1], bytes):
            return Leaf(value[1])
        if kind == 0 and size == 1:
            return Empty()
    raise MalformedHashTree("The state tree holds a node that the specification does not know")


def _check_order(tree: HashTree) -> None:
    """Labels of one level increase strictly, and values do not stand beside labels."""
    waiting = [tree]
    while waiting:
        current = waiting.pop()
        is_fork = isinstance(current, Fork)
        previous: bytes | None = None
        for node in level(current):
            if isinstance(node, Labeled):
                if previous is not None and node.label <= previous:
                    raise MalformedHashTree("The labels of the state tree are not in order")
                previous = node.label
                waiting.append(node.subtree)
            elif is_fork and isinstance(node, Leaf):
                raise MalformedHashTree("The state tree holds a value among labels")


def _subtree(content: bytes | HashTree | Branches) -> HashTree:
    if isinstance(content, Mapping):
        return build(content)
    return Leaf(content) if isinstance(content, bytes) else content


def _balanced(nodes: Sequence[HashTree]) -> HashTree:
    if len(nodes) == 1:
        return nodes[0]
    middle = (len(nodes) + 1) // 2
    return Fork(_balanced(nodes[:middle]), _balanced(nodes[middle:]))


def _witnesses(tree: HashTree, wanted: Mapping[bytes, object]) -> frozenset[bytes]:
    """The labels that stand next to where a missing label would be; showing them proves that it is absent."""
    labels = [node.label for node in level(tree) if isinstance(node, Labeled)]
    present = set(labels)
    witnesses: set[bytes] = set()
    for missing in wanted.keys() - present:
        place = bisect_left(labels, missing)
        witnesses.update(labels[max(place - 1, 0) : place + 1])
    return frozenset(witnesses)


def _prune_level(
    tree: HashTree, wanted: Mapping[bytes, Sequence[Sequence[bytes]]], witnesses: frozenset[bytes]
) -> HashTree:
    match tree:
        case Labeled(label, subtree) if label in wanted:
            return Labeled(label, prune(subtree, wanted[label]))
        case Labeled(label, subtree) if label in witnesses:
            return Labeled(label, Pruned(subtree.digest))
        case Fork(left, right):
            kept_left = _prune_level(left, wanted, witnesses)
            kept_right = _prune_level(right, wanted, witnesses)
            if isinstance(kept_left, Pruned) and isinstance(kept_right, Pruned):
                return Pruned(tree.digest)
            return Fork(kept_left, kept_right)
    return Pruned(tree.digest)
