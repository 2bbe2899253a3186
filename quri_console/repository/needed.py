"""What packs are still needed for: the chunks that sets name, each counted in one pack although several may hold it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from quri_console.errors import CorruptionError
from quri_console.repository.backend import ObjectMissing
from quri_console.repository.catalogue import SetState
from quri_console.repository.chunk_list import decode_chunk_list
from quri_console.repository.errors import ChunkDamaged
from quri_console.repository.index import Index, IndexedPack
from quri_console.repository.pack_format import FoundFrame
from quri_console.repository.sets import CHUNKS_SUFFIX, set_folder
from quri_console.repository.store import Repository


@dataclass(frozen=True, slots=True)
class UnreadableSet:
    """A set of which it cannot be said what it needs."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Needs:
    """Names of chunks: those that remaining sets name, and those that only sets name which may come back."""

    kept: set[bytes] = field(default_factory=set)
    maybe: set[bytes] = field(default_factory=set)
    unreadable: list[UnreadableSet] = field(default_factory=list)

    def __contains__(self, identifier: bytes) -> bool:
        return identifier in self.kept or identifier in self.maybe


@dataclass(frozen=True, slots=True)
class PackUse:
    """What is needed of a pack, in bytes as they lie there; `copied` says that more of it is needed, but elsewhere too.

    `content_bytes` is the pack without its own header. `placed` are the chunks that are needed from here, kept only
    for packs that are worth repacking.
    """

    pack: IndexedPack
    content_bytes: int
    kept_bytes: int
    maybe_bytes: int
    copied: bool
    placed: frozenset[bytes] = frozenset()

    @property
    def unneeded_bytes(self) -> int:
        """What nobody needs from here."""
        return self.content_bytes - self.kept_bytes - self.maybe_bytes


def read_needs(
    repository: Repository,
    index: Index,
    *,
    keep: Iterable[SetState],
    maybe: Iterable[SetState],
    unfinished: Iterable[str],
    report: Callable[[int], None] = lambda _: None,
) -> Needs:
    """What these sets name; `report` gets how many were read. Raises WrongKey, NewerFormat, StorageFailed."""
    needs = Needs()
    done = 0
    for wanted, states in ((needs.kept, keep), (needs.maybe, maybe)):
        for state in states:
            try:
                missing = _add_set(repository, state, index, wanted)
            except (CorruptionError, ObjectMissing) as error:
                needs.unreadable.append(UnreadableSet(state.name, str(error)))
            else:
                if missing:
                    needs.unreadable.append(UnreadableSet(state.name, f"{missing} of its chunks are in no pack."))
            done += 1
            report(done)
    for name in unfinished:
        needs.maybe.update(_unfinished_chunks(repository, name))
    needs.maybe.difference_update(needs.kept)
    return needs


def _add_set(repository: Repository, state: SetState, index: Index, wanted: set[bytes]) -> int:
    """Add what a set names; how many of its chunks no pack holds."""
    if state.manifest is None:
        raise CorruptionError(state.damage)
    missing: set[bytes] = set()
    for file in state.manifest.chunk_lists():
        for identifier in repository.chunk_list(state.manifest, file.path).stored_ids:
            wanted.add(identifier)
            if identifier not in index:
                missing.add(identifier)
    return len(missing)


def _unfinished_chunks(repository: Repository, name: str) -> Iterator[bytes]:
    """What an interrupted backup has listed so far; a list that cannot be read is no list that it could go on with."""
    prefix = f"{set_folder(name)}/"
    for entry in repository.backend.list(set_folder(name)):
        if not entry.name.endswith(CHUNKS_SUFFIX):
            continue
        place = f"{name}/{entry.name.removeprefix(prefix)}"
        try:
            data = repository.vault.open_record(place, repository.backend.get(entry.name))
            yield from decode_chunk_list(data, place).stored_ids
        except (ChunkDamaged, CorruptionError, ObjectMissing):
            continue


def pack_uses(index: Index, needs: Needs, marked: Collection[bytes], *, repack_share: float) -> tuple[PackUse, ...]:
    """The use of every pack, in the order of their names.

    Of several packs that hold one chunk, one that is not marked and of which most is needed counts as its place:
    so the copies that an interrupted repacking made take the place of the old ones.
    """
    order = sorted(index.packs.values(), key=lambda pack: (pack.id in marked, -_needed_share(pack, needs), pack.id))
    taken: set[bytes] = set()
    return tuple(sorted((_use(pack, needs, taken, repack_share) for pack in order), key=lambda use: use.pack.id))


def _needed_share(pack: IndexedPack, needs: Needs) -> float:
    raw = sum(frame.header.raw_bytes for frame in pack.frames)
    return sum(chunk.length for chunk in pack.chunks if chunk.id in needs) / raw if raw else 0.0


def _use(pack: IndexedPack, needs: Needs, taken: set[bytes], repack_share: float) -> PackUse:
    content = kept = maybe = 0
    copied = False
    placed: list[bytes] = []
    for frame in pack.frames:
        size = frame.header.size + frame.header.stored_bytes
        kept_raw = maybe_raw = 0
        for chunk in frame.header.chunks:
            needed, perhaps = chunk.id in needs.kept, chunk.id in needs.maybe
            if not needed and not perhaps:
                continue
            if chunk.id in taken:
                copied = True
                continue
            taken.add(chunk.id)
            placed.append(chunk.id)
            if needed:
                kept_raw += chunk.length
            else:
                maybe_raw += chunk.length
        content += size
        kept += _portion(size, kept_raw, frame)
        maybe += _portion(size, kept_raw + maybe_raw, frame) - _portion(size, kept_raw, frame)
    wasteful = content - kept - maybe > repack_share * content
    return PackUse(pack, content, kept, maybe, copied, frozenset(placed) if wasteful else frozenset())


def _portion(size: int, raw: int, frame: FoundFrame) -> int:
    """The part of a frame that some of its content takes, as if all of it compressed alike; rounded up."""
    return -(-size * raw // frame.header.raw_bytes) if raw else 0


def needed_in(packs: Iterable[IndexedPack], needs: Needs) -> set[bytes]:
    """The needed chunks that these packs hold."""
    return {chunk.id for chunk in chain.from_iterable(pack.chunks for pack in packs) if chunk.id in needs}
