"""Index fragments without packs that go, and fewer of them: the new ones are stored before the old ones are deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from quri_console.repository.backend import Backend
from quri_console.repository.index import (
    INDEX_FOLDER,
    IndexedPack,
    decode_fragment,
    is_fragment_name,
    put_fragment,
)

FRAGMENTS_WORTH_COMPACTING = 64
PACKS_PER_COMPACTED_FRAGMENT = 256


def fragment_names(backend: Backend) -> tuple[str, ...]:
    """The objects of all fragments."""
    return tuple(entry.name for entry in backend.list(INDEX_FOLDER) if is_fragment_name(entry.name))


def is_scattered(fragments: int, packs: int) -> bool:
    """Whether so many fragments for so many packs should become fewer."""
    least = -(-packs // PACKS_PER_COMPACTED_FRAGMENT)
    return fragments > max(FRAGMENTS_WORTH_COMPACTING, 2 * least)


def drop_from_index(backend: Backend, packs: Collection[bytes]) -> None:
    """Rewrite the fragments that name any of these packs. Raises CorruptionError for a damaged fragment."""
    touched: list[str] = []
    left: dict[bytes, IndexedPack] = {}
    for name in fragment_names(backend):
        found = decode_fragment(backend.get(name), name)
        if any(pack.id in packs for pack in found):
            touched.append(name)
            left.update({pack.id: pack for pack in found if pack.id not in packs})
    _replace(backend, touched, left.values())


def compact_index(backend: Backend, packs: Iterable[IndexedPack]) -> None:
    """Name these packs, which are all there are, in as few fragments as are well read at once."""
    _replace(backend, fragment_names(backend), packs)


def _replace(backend: Backend, names: Iterable[str], packs: Iterable[IndexedPack]) -> None:
    new = {put_fragment(backend, group) for group in _groups(sorted(packs, key=lambda pack: pack.id))}
    for name in names:
        if name not in new:
            backend.delete(name)


def _groups(packs: list[IndexedPack]) -> Iterator[list[IndexedPack]]:
    for start in range(0, len(packs), PACKS_PER_COMPACTED_FRAGMENT):
        yield packs[start : start + PACKS_PER_COMPACTED_FRAGMENT]
