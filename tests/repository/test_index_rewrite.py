"""Index fragments with fewer packs in them, and fewer fragments."""

from __future__ import annotations

from pathlib import Path

import pytest

from quri_console.repository.index import decode_fragment, load_index
from quri_console.repository.index_rewrite import compact_index, drop_from_index, fragment_names, is_scattered
from quri_console.repository.local import LocalBackend
from tests.support.kept_sets import KeptSets


@pytest.fixture
def backend(tmp_path: Path) -> LocalBackend:
    kept = KeptSets.create(tmp_path)
    for word in ("abc", "def", "ghi"):
        kept.take({"alpha": word}, pack_bytes=16384)
    return LocalBackend(tmp_path)


def named(backend: LocalBackend) -> list[bytes]:
    """Every pack that a fragment names, as often as one does."""
    return sorted(pack.id for name in fragment_names(backend) for pack in decode_fragment(backend.get(name), name))


def test_packs_that_go_are_named_no_more_and_all_others_once(backend: LocalBackend) -> None:
    before = named(backend)
    drop_from_index(backend, {before[0], before[-1]})
    assert named(backend) == before[1:-1]


def test_fragments_that_name_none_of_them_stay_as_they_are(backend: LocalBackend) -> None:
    name = fragment_names(backend)[0]
    own = {pack.id for pack in decode_fragment(backend.get(name), name)}
    others = set(fragment_names(backend)) - {name}
    drop_from_index(backend, own)
    assert set(fragment_names(backend)) == others


def test_a_compacted_index_names_the_same_packs(backend: LocalBackend) -> None:
    before = named(backend)
    compact_index(backend, load_index(backend).packs.values())
    assert len(fragment_names(backend)) == 1
    assert named(backend) == before
    compact_index(backend, load_index(backend).packs.values())
    assert named(backend) == before


@pytest.mark.parametrize(
    ("fragments", "packs", "scattered"), [(64, 64, False), (65, 65, True), (100, 25_600, False), (201, 25_600, True)]
)
def test_a_large_repository_may_have_more_fragments(fragments: int, packs: int, scattered: bool) -> None:
    assert is_scattered(fragments, packs) is scattered
