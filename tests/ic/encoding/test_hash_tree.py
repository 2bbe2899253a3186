"""Hash trees: the specification's examples, and what building, pruning and lookup promise each other."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.ic.encoding import cbor
from quri_console.ic.encoding.hash_tree import (
    Absent,
    Branches,
    Empty,
    Fork,
    Found,
    Labeled,
    Leaf,
    MalformedHashTree,
    NotALeaf,
    Pruned,
    Unknown,
    build,
    digest,
    from_cbor,
    list_labels,
    lookup,
    lookup_subtree,
    prune,
    to_cbor,
)

EXAMPLE = bytes.fromhex(
    "8301830183024161830183018302417882034568656c6c6f810083024179820345776f726c6483024162820344676f6f64"
    "8301830241638100830241648203476d6f726e696e67"
)
EXAMPLE_DIGEST = "eb5c5b2195e62d996b84c9bcc8259d19a83786a2f59e0878cec84c811f669aa0"


def test_example_of_the_specification() -> None:
    tree = from_cbor(cbor.decode(EXAMPLE))
    assert digest(tree).hex() == EXAMPLE_DIGEST
    assert cbor.encode(to_cbor(tree), self_described=False) == EXAMPLE
    assert lookup(tree, [b"a", b"x"]) == Found(b"hello")
    assert lookup(tree, [b"a", b"y"]) == Found(b"world")
    assert lookup(tree, [b"b"]) == Found(b"good")
    assert lookup(tree, [b"c"]) == Absent()
    assert lookup(tree, [b"d"]) == Found(b"morning")
    assert lookup(tree, [b"a"]) == NotALeaf()
    assert lookup(tree, [b"d", b"further"]) == Absent()
    assert list_labels(tree) == (b"a", b"b", b"c", b"d")
    assert list_labels(tree, [b"a"]) == (b"x", b"y")
    assert list_labels(tree, [b"nothing"]) == list_labels(tree, [b"c"]) == ()


PRUNED_EXAMPLE = bytes.fromhex(
    "83018301830241618301820458201b4feff9bef8131788b0c9dc6dbad6e81e524249c879e9f10f71ce3749f5a63883024179820345"
    "776f726c6483024162820458207b32ac0c6ba8ce35ac82c255fc7906f7fc130dab2a090f80fe12f9c2cae83ba6830182045820ec83"
    "24b8a1f1ac16bd2e806edba78006479c9877fed4eb464a25485465af601d830241648203476d6f726e696e67"
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/a", Unknown()),
        ("a/y", Found(b"world")),
        ("a/z", Absent()),
        ("aa", Absent()),
        ("ax", Absent()),
        ("b", Unknown()),
        ("bb", Unknown()),
        ("d", Found(b"morning")),
        ("e", Absent()),
    ],
)
def test_pruned_example_of_the_specification(path: str, expected: object) -> None:
    tree = from_cbor(cbor.decode(PRUNED_EXAMPLE))
    assert digest(tree).hex() == EXAMPLE_DIGEST
    assert lookup(tree, [label.encode() for label in path.split("/")]) == expected


def test_pruned_neighbours_hide_only_their_own_gap() -> None:
    hidden = Pruned(bytes(32))
    tree = Fork(Fork(hidden, Labeled(b"c", Leaf(b"1"))), Fork(Labeled(b"e", Leaf(b"2")), Fork(hidden, Empty())))
    found = {label: lookup(tree, [label]) for label in (b"a", b"c", b"d", b"e", b"f")}
    assert found == {b"a": Unknown(), b"c": Found(b"1"), b"d": Absent(), b"e": Found(b"2"), b"f": Unknown()}
    assert lookup(hidden, [b"a"]) == lookup(hidden, []) == Unknown()
    assert lookup(Fork(Empty(), tree), [b"c"]) == Found(b"1")


LABELS = st.binary(max_size=3)
BRANCHES: st.SearchStrategy[Branches] = st.recursive(
    st.dictionaries(LABELS, st.binary(max_size=5), max_size=5),
    lambda inner: st.dictionaries(LABELS, st.binary(max_size=5) | inner, max_size=5),
    max_leaves=12,
)
PATHS = st.lists(st.lists(LABELS, max_size=4), max_size=5)


def naive_digest(value: Any) -> bytes:
    """The specification's sentences on the CBOR form, word by word."""
    kind, *parts = value
    match kind:
        case 0:
            text, content = b"ic-hashtree-empty", b""
        case 1:
            text, content = b"ic-hashtree-fork", naive_digest(parts[0]) + naive_digest(parts[1])
        case 2:
            text, content = b"ic-hashtree-labeled", parts[0] + naive_digest(parts[1])
        case 3:
            text, content = b"ic-hashtree-leaf", parts[0]
        case _:
            return bytes(parts[0])
    return hashlib.sha256(bytes([len(text)]) + text + content).digest()


def naive_lookup(branches: Branches, path: list[bytes]) -> object:
    """What the mapping itself says."""
    here: Any = branches
    for label in path:
        if not isinstance(here, dict) or label not in here:
            return Absent()
        here = here[label]
    if isinstance(here, bytes):
        return Found(here)
    return NotALeaf() if here else Absent()


def paths_of(branches: Branches) -> list[list[bytes]]:
    paths: list[list[bytes]] = []
    for label, content in branches.items():
        inner = paths_of(content) if isinstance(content, dict) else []
        paths += [[label], *([label, *path] for path in inner)]
    return paths


@given(BRANCHES)
def test_built_trees_are_well_formed_and_survive_cbor(branches: Branches) -> None:
    tree = build(branches)
    encoded = cbor.encode(to_cbor(tree))
    assert from_cbor(cbor.decode(encoded)) == tree
    assert digest(from_cbor(cbor.decode(encoded))) == digest(tree) == naive_digest(cbor.decode(encoded))
    assert list_labels(tree) == tuple(sorted(branches))


@given(BRANCHES, PATHS)
def test_whole_trees_answer_like_the_mapping(branches: Branches, others: list[list[bytes]]) -> None:
    tree = build(branches)
    for path in [*paths_of(branches), *(path for path in others if path)]:
        assert lookup(tree, path) == naive_lookup(branches, path)


@given(BRANCHES, st.data())
def test_pruned_trees_prove_what_was_asked_and_never_contradict(branches: Branches, data: st.DataObject) -> None:
    tree = build(branches)
    existing = paths_of(branches)
    asked = data.draw(PATHS) + (data.draw(st.lists(st.sampled_from(existing), max_size=4)) if existing else [])
    shown = prune(tree, asked)
    assert digest(shown) == digest(tree)
    assert from_cbor(cbor.decode(cbor.encode(to_cbor(shown)))) == shown
    for path in asked:
        assert lookup_subtree(shown, path) == lookup_subtree(tree, path)
    for path in [*existing, *data.draw(PATHS)]:
        known = lookup(shown, path)
        assert known in (lookup(tree, path), Unknown()) or (known == NotALeaf() and lookup(tree, path) == NotALeaf())


@given(BRANCHES, PATHS, PATHS)
def test_pruning_again_shows_no_more(branches: Branches, first: list[list[bytes]], second: list[list[bytes]]) -> None:
    once = prune(build(branches), first)
    twice = prune(once, second)
    assert digest(twice) == digest(once)
    for path in second:
        assert lookup_subtree(twice, path) == lookup_subtree(once, path)


def test_pruning_hides_neighbours() -> None:
    tree = build({bytes([label]): {b"secret": b"value %d" % label} for label in range(10)})
    shown = prune(tree, [[b"\x03", b"secret"]])
    assert list_labels(shown) == (b"\x03",)
    assert b"value 4" not in cbor.encode(to_cbor(shown))
    missing = prune(tree, [[b"\x03x"]])
    assert list_labels(missing) == (b"\x03", b"\x04")
    assert b"value" not in cbor.encode(to_cbor(missing))
    assert prune(tree, []) == Pruned(digest(tree))


def test_ready_subtrees_are_taken_as_they_are() -> None:
    inner = build({b"x": b"1"})
    assert build({b"a": inner, b"b": b"2"}) == build({b"a": {b"x": b"1"}, b"b": b"2"})


@given(BRANCHES, st.data())
def test_digest_changes_with_every_value(branches: Branches, data: st.DataObject) -> None:
    leaves = [path for path in paths_of(branches) if isinstance(naive_lookup(branches, path), Found)]
    if leaves:
        path = data.draw(st.sampled_from(leaves))
        assert digest(build(_changed(branches, path))) != digest(build(branches))


def _changed(branches: Any, path: list[bytes]) -> Any:
    inner = branches[path[0]]
    return {**branches, path[0]: inner + b"!" if len(path) == 1 else _changed(inner, path[1:])}


DIGEST = bytes(32)


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        [],
        {},
        [5],
        [True, [0], [0]],
        [1.0, [0], [0]],
        [False],
        [0, 0],
        [1, [0]],
        [2, "a", [0]],
        [2, b"a"],
        [3, "a"],
        [3, b"a", b"b"],
        [4, b"short"],
        [4, DIGEST, DIGEST],
        [1, [2, b"b", [0]], [2, b"a", [0]]],
        [1, [2, b"a", [0]], [2, b"a", [0]]],
        [1, [1, [2, b"a", [0]], [4, DIGEST]], [2, b"a", [0]]],
        [2, b"x", [1, [2, b"b", [0]], [2, b"a", [0]]]],
        [1, [3, b"value"], [2, b"a", [0]]],
    ],
)
def test_malformed_trees_are_refused(value: Any) -> None:
    with pytest.raises(MalformedHashTree):
        from_cbor(value)


def test_trees_deeper_than_any_real_one_are_refused() -> None:
    value: Any = [0]
    for _ in range(200):
        value = [2, b"a", value]
    with pytest.raises(MalformedHashTree, match="deeper"):
        from_cbor(value)


def test_nodes_cannot_be_changed() -> None:
    leaf: Any = Leaf(b"value")
    with pytest.raises(AttributeError):
        leaf.value = b"other"
