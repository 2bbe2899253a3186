"""The trie against a plain dict, and its witnesses against the hash tree's own lookup."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quri_console.ic.encoding import hash_tree
from quri_console.ic.encoding.hash_tree import Absent, Found, Leaf, Unknown
from quri_console.localnet import label_trie

labels = st.binary(max_size=6)
maps = st.dictionaries(labels, st.binary(max_size=4), max_size=40)


def trie_of(content: dict[bytes, bytes]) -> label_trie.Node | None:
    root = None
    for label, value in content.items():
        root = label_trie.insert(root, label_trie.entry(label, Leaf(value)))
    return root


@given(maps, st.lists(labels, max_size=8))
def test_a_witness_shows_what_is_asked_proves_what_is_absent_and_hides_the_rest(
    content: dict[bytes, bytes], asked: list[bytes]
) -> None:
    root = trie_of(content)
    revealed = {label: Leaf(content[label]) for label in asked if label in content}
    tree = label_trie.witness(root, revealed, [label for label in asked if label not in content])
    assert hash_tree.digest(tree) == label_trie.trie_digest(root)
    hash_tree.from_cbor(hash_tree.to_cbor(tree))  # well-formed: labels in order
    for label in asked:
        expected = Found(content[label]) if label in content else Absent()
        assert hash_tree.lookup(tree, [label]) == expected
    for label in content.keys() - set(asked):
        assert hash_tree.lookup(tree, [label]) == Unknown()


@given(maps, st.data())
def test_what_was_removed_was_never_there(content: dict[bytes, bytes], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from(sorted(content)))) if content else set()
    root = trie_of(content)
    for label in gone:
        root = label_trie.remove(root, label)
    left = {label: value for label, value in content.items() if label not in gone}
    assert label_trie.trie_digest(root) == label_trie.trie_digest(trie_of(left))
    assert all((label_trie.find(root, label) is not None) == (label in left) for label in content)


@given(maps, st.randoms(use_true_random=False))
def test_the_order_of_insertions_does_not_matter(content: dict[bytes, bytes], random: object) -> None:
    shuffled = list(content.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert label_trie.trie_digest(trie_of(dict(shuffled))) == label_trie.trie_digest(trie_of(content))


@given(maps, labels, st.binary(max_size=4))
def test_a_new_entry_replaces_the_old_one(content: dict[bytes, bytes], label: bytes, value: bytes) -> None:
    root = label_trie.insert(trie_of(content), label_trie.entry(label, Leaf(value)))
    assert label_trie.trie_digest(root) == label_trie.trie_digest(trie_of({**content, label: value}))
