"""A persistent map from labels to subtrees that is a hash tree at any moment.

A crit-bit trie: its branches are the forks of the hash tree, so a change costs
one digest per level and every unchanged part keeps its digest. Thousands of
request statuses therefore certify as fast as one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quri_console.ic.encoding.hash_tree import Empty, Fork, HashTree, Labeled, Pruned, digest

SYMBOL_BITS = 9
"""Each byte of a label is preceded by a 1 bit, its end is a 0 bit: a prefix sorts before what it begins."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One label with its subtree."""

    label: bytes
    subtree: HashTree
    digest: bytes

    @property
    def first(self) -> bytes:
        return self.label

    @property
    def last(self) -> bytes:
        return self.label


@dataclass(frozen=True, slots=True)
class Branch:
    """A fork: labels with a 0 at bit `bit` are on the left, labels with a 1 on the right."""

    left: Node
    right: Node
    bit: int
    first: bytes
    last: bytes
    digest: bytes


Node = Entry | Branch


def entry(label: bytes, subtree: HashTree) -> Entry:
    """An entry with its digest computed."""
    return Entry(label, subtree, digest(Labeled(label, Pruned(digest(subtree)))))


def trie_digest(root: Node | None) -> bytes:
    """Digest of the whole map as a hash tree."""
    return digest(Empty()) if root is None else root.digest


def insert(root: Node | None, new: Entry) -> Node:
    """The map with `new` added, or replacing the entry of the same label."""
    if root is None:
        return new
    difference = _first_difference(_closest(root, new.label).label, new.label)
    return _insert(root, new, difference)


def remove(root: Node | None, label: bytes) -> Node | None:
    """The map without `label`; unchanged if it is not there."""
    if root is None or isinstance(root, Entry):
        return None if root is not None and root.label == label else root
    if _bit(label, root.bit):
        right = remove(root.right, label)
        return root if right is root.right else (root.left if right is None else _branch(root.left, right, root.bit))
    left = remove(root.left, label)
    return root if left is root.left else (root.right if left is None else _branch(left, root.right, root.bit))


def find(root: Node | None, label: bytes) -> Entry | None:
    """The entry of `label`, if present."""
    if root is None:
        return None
    candidate = _closest(root, label)
    return candidate if candidate.label == label else None


def neighbours(root: Node, label: bytes) -> list[Entry]:
    """The entries before and after an absent label: what proves that it is absent."""
    before: Node | None = None
    after: Node | None = None
    node = root
    while isinstance(node, Branch):
        if label < node.right.first:
            after = node.right
        if label > node.left.last:
            before = node.left
            if after is node.right:
                return [_last(before), _first(after)]
            node = node.right
        else:
            node = node.left
    if node.label < label:
        before = node
    else:
        after = node
    found = [] if before is None else [_last(before)]
    return found if after is None else [*found, _first(after)]


def witness(root: Node | None, revealed: Mapping[bytes, HashTree], absent: Sequence[bytes] = ()) -> HashTree:
    """The hash tree that shows `revealed` (label → witness of its subtree), proves `absent`, and prunes the rest."""
    if root is None:
        return Empty()
    shown = dict(revealed)
    for label in absent:
        for neighbour in neighbours(root, label):
            shown.setdefault(neighbour.label, Pruned(digest(neighbour.subtree)))
    return _witness(root, shown, sorted(shown))


def _witness(node: Node, shown: Mapping[bytes, HashTree], labels: Sequence[bytes]) -> HashTree:
    if not labels:
        return Pruned(node.digest)
    if isinstance(node, Entry):
        return Labeled(node.label, shown[node.label])
    middle = bisect_left(labels, node.right.first)
    return Fork(_witness(node.left, shown, labels[:middle]), _witness(node.right, shown, labels[middle:]))


def _insert(node: Node, new: Entry, difference: int | None) -> Node:
    if isinstance(node, Branch) and (difference is None or node.bit < difference):
        if _bit(new.label, node.bit):
            return _branch(node.left, _insert(node.right, new, difference), node.bit)
        return _branch(_insert(node.left, new, difference), node.right, node.bit)
    if difference is None:
        return new
    return _branch(node, new, difference) if _bit(new.label, difference) else _branch(new, node, difference)


def _branch(left: Node, right: Node, bit: int) -> Branch:
    return Branch(left, right, bit, left.first, right.last, digest(Fork(Pruned(left.digest), Pruned(right.digest))))


def _closest(node: Node, label: bytes) -> Entry:
    while isinstance(node, Branch):
        node = node.right if _bit(label, node.bit) else node.left
    return node


def _first(node: Node) -> Entry:
    while isinstance(node, Branch):
        node = node.left
    return node


def _last(node: Node) -> Entry:
    while isinstance(node, Branch):
        node = node.right
    return node


def _bit(label: bytes, position: int) -> int:
    index, offset = divmod(position, SYMBOL_BITS)
    if index >= len(label):
        return 0
    return 1 if offset == 0 else (label[index] >> (SYMBOL_BITS - 1 - offset)) & 1


def _first_difference(one: bytes, other: bytes) -> int | None:
    """First bit in which two labels differ; None if they are equal."""
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index * SYMBOL_BITS + SYMBOL_BITS - (a ^ b).bit_length()
    return None if len(one) == len(other) else min(len(one), len(other)) * SYMBOL_BITS
