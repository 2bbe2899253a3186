"""Which chunks bad frames cost, and which items of which sets need them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from quri_console.errors import CorruptionError
from quri_console.repository.backend import ObjectMissing
from quri_console.repository.check_report import Affected
from quri_console.repository.chunk_list import ChunkList
from quri_console.repository.errors import NewerFormat, WrongKey
from quri_console.repository.index import Index, IndexedPack, Location
from quri_console.repository.pack_format import ChunkPlace
from quri_console.repository.sets import SetManifest
from quri_console.repository.store import Repository

BadFrames = Mapping[bytes, frozenset[int]]
"""The numbers of the frames that nothing can be read from, by pack."""
_CACHED_FRAMES = 512


def lost_chunks(index: Index, bad: BadFrames) -> dict[bytes, bytes]:
    """The pack that every lost chunk was in, by chunk: those in bad frames that no other frame holds, too."""
    lost: dict[bytes, bytes] = {}
    for identifier, numbers in bad.items():
        for number in numbers:
            lost.update((chunk.id, identifier) for chunk in _chunks(index.packs[identifier], number))
    if lost:
        for place in _other_places(index, bad):
            for chunk in place.frame.header.chunks:
                lost.pop(chunk.id, None)
    return lost


def frames_with_copies(index: Index, bad: BadFrames) -> dict[bytes, set[int]]:
    """By pack, the frames that hold copies of chunks in bad frames."""
    wanted = {
        chunk.id for pack, numbers in bad.items() for number in numbers for chunk in _chunks(index.packs[pack], number)
    }
    found: dict[bytes, set[int]] = {}
    for place in _other_places(index, bad) if wanted else ():
        if any(chunk.id in wanted for chunk in place.frame.header.chunks):
            found.setdefault(place.pack.id, set()).add(place.frame.number)
    return found


def _chunks(pack: IndexedPack, number: int) -> tuple[ChunkPlace, ...]:
    return pack.frames[number].header.chunks


def _other_places(index: Index, bad: BadFrames) -> Iterable[Location]:
    for pack in index.packs.values():
        numbers = bad.get(pack.id, frozenset())
        yield from (Location(pack, frame) for frame in pack.frames if frame.number not in numbers)


@dataclass(slots=True)
class Reach:
    """What the loss of a pack's frames comes to."""

    chunks: set[bytes] = field(default_factory=set)
    affected: set[Affected] = field(default_factory=set)


def reach_of(
    repository: Repository, manifests: Iterable[SetManifest], lost: Mapping[bytes, bytes]
) -> dict[bytes, Reach]:
    """By pack, its lost chunks and the items that need them; lists of chunks that cannot be read are passed over.

    Without a key to an encrypted repository no item is found.
    """
    reaches: dict[bytes, Reach] = {}
    for chunk, pack in lost.items():
        reaches.setdefault(pack, Reach()).chunks.add(chunk)
    if not lost:
        return reaches
    for manifest in manifests:
        for file in manifest.chunk_lists():
            try:
                chunks = repository.chunk_list(manifest, file.path)
            except (CorruptionError, ObjectMissing, WrongKey, NewerFormat):
                continue
            item = Affected(manifest.name, file.path.split("/")[0])
            for identifier in chunks.stored_ids:
                if identifier in lost:
                    reaches[lost[identifier]].affected.add(item)
    return reaches


@dataclass(frozen=True, slots=True)
class Needed:
    """What a list of chunks needs: packs, and the chunks of it that are in none or have another length there."""

    packs: frozenset[bytes]
    missing: tuple[bytes, ...]
    unlike: tuple[bytes, ...]


class ChunkFinder:
    """Looks chunks up, with their lengths; neighbours in a list mostly lie in one frame."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._frames: OrderedDict[tuple[bytes, int], dict[bytes, int]] = OrderedDict()

    def needed(self, chunks: ChunkList) -> Needed:
        """What a list of chunks needs."""
        packs: set[bytes] = set()
        missing: dict[bytes, None] = {}
        unlike: dict[bytes, None] = {}
        for position, identifier in enumerate(chunks.ids):
            if identifier is None:
                continue
            if identifier not in self._index:
                missing[identifier] = None
                continue
            place = self._index.find(identifier)
            packs.add(place.pack.id)
            if self._lengths(place).get(identifier) != chunks.length(position):
                unlike[identifier] = None
        return Needed(frozenset(packs), tuple(missing), tuple(unlike))

    def frames(self, chunks: Iterable[bytes]) -> dict[bytes, set[int]]:
        """The frames that hold these chunks, by pack; chunks that are in none are left out."""
        found: dict[bytes, set[int]] = {}
        for identifier in chunks:
            if identifier in self._index:
                place = self._index.find(identifier)
                found.setdefault(place.pack.id, set()).add(place.frame.number)
        return found

    def _lengths(self, place: Location) -> dict[bytes, int]:
        key = (place.pack.id, place.frame.number)
        lengths = self._frames.get(key)
        if lengths is None:
            lengths = self._frames[key] = {chunk.id: chunk.length for chunk in place.frame.header.chunks}
            if len(self._frames) > _CACHED_FRAMES:
                self._frames.popitem(last=False)
        return lengths


def cut_frames(pack: IndexedPack, size: int) -> frozenset[int]:
    """The frames of a pack that do not lie wholly within its first `size` bytes."""
    return frozenset(frame.number for frame in pack.frames if frame.offset + frame.size > size)
