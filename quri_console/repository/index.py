"""Which pack holds which chunk: write-once fragments, merged in memory; a cache of what the packs say.

Fragment: `"QURIINDX" version:u8 packs:u32 (pack:32 size:u64 frames:u32 (offset:u32 stored:u32 raw:u32 codec:u8
chunks:u16 (id:32 length:u32)*)*)* sha256:32`, big-endian, named by the SHA-256 of all its bytes.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from quri_console.errors import CorruptionError
from quri_console.repository.backend import Backend, ObjectMissing
from quri_console.repository.errors import ChunkDamaged, ChunkMissing, NewerFormat
from quri_console.repository.pack_format import ChunkPlace, FoundFrame, FrameHeader, walk_frames

INDEX_FOLDER, PACKS_FOLDER = "index", "packs"
_MAGIC = b"QURIINDX"
_VERSION = 1
_HEAD = struct.Struct(">8sBI")
_PACK = struct.Struct(">32sQI")
_FRAME = struct.Struct(">IIIBH")
_CHUNK = struct.Struct(">32sI")
_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class IndexedPack:
    """One pack as the index describes it; `id` is the SHA-256 of its bytes."""

    id: bytes
    size: int
    frames: tuple[FoundFrame, ...]

    @property
    def name(self) -> str:
        """Its object."""
        return pack_name(self.id)

    @property
    def chunks(self) -> Iterator[ChunkPlace]:
        """Every chunk in it."""
        return (chunk for frame in self.frames for chunk in frame.header.chunks)


@dataclass(frozen=True, slots=True)
class Location:
    """Where a chunk lies: a frame of a pack."""

    pack: IndexedPack
    frame: FoundFrame


def pack_name(identifier: bytes) -> str:
    """The object of the pack with this SHA-256."""
    text = identifier.hex()
    return f"{PACKS_FOLDER}/{text[:2]}/{text}"


def pack_id(name: str) -> bytes | None:
    """The SHA-256 in the name of a pack's object; None for what is no pack."""
    last = name.rsplit("/", 1)[-1]
    try:
        identifier = bytes.fromhex(last)
    except ValueError:
        return None
    return identifier if len(identifier) == _DIGEST_BYTES and name == pack_name(identifier) else None


def is_fragment_name(name: str) -> bool:
    """Whether an object is called as index fragments are; any other in their folder is not ours."""
    return re.fullmatch(f"{INDEX_FOLDER}/[0-9a-f]{{64}}", name) is not None


def indexed_pack(data: bytes | bytearray) -> IndexedPack:
    """The index entry of a whole pack, from its own headers. Raises ChunkDamaged."""
    identifier = hashlib.sha256(data).digest()
    return IndexedPack(identifier, len(data), tuple(walk_frames(data, pack_name(identifier))))


def encode_fragment(packs: Iterable[IndexedPack]) -> bytes:
    """The bytes of an index fragment that names these packs."""
    packs = tuple(packs)
    parts = [_HEAD.pack(_MAGIC, _VERSION, len(packs))]
    for pack in packs:
        parts.append(_PACK.pack(pack.id, pack.size, len(pack.frames)))
        for frame in pack.frames:
            header = frame.header
            parts.append(
                _FRAME.pack(frame.offset, header.stored_bytes, header.raw_bytes, header.codec, len(header.chunks))
            )
            parts.extend(_CHUNK.pack(chunk.id, chunk.length) for chunk in header.chunks)
    body = b"".join(parts)
    return body + hashlib.sha256(body).digest()


def decode_fragment(data: bytes, origin: str) -> tuple[IndexedPack, ...]:
    """The packs that a fragment names. Raises CorruptionError naming `origin`, NewerFormat."""
    body, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if not body.startswith(_MAGIC) or hashlib.sha256(body).digest() != digest:
        raise CorruptionError(
            f"{origin} is damaged",
            why="It does not end with the SHA-256 of what stands before.",
            next_step="`quri-console repair index` makes the index anew from the packs.",
        )
    _, version, count = _HEAD.unpack_from(body)
    if version != _VERSION:
        raise NewerFormat(f"{origin} has format {version}", next_step="Use the version of quri-console that wrote it.")
    offset, packs = _HEAD.size, []
    for _ in range(count):
        pack, offset = _decode_pack(body, offset)
        packs.append(pack)
    return tuple(packs)


def _decode_pack(body: bytes, offset: int) -> tuple[IndexedPack, int]:
    identifier, size, frame_count = _PACK.unpack_from(body, offset)
    offset += _PACK.size
    frames = []
    for number in range(frame_count):
        place, stored, raw, codec, chunk_count = _FRAME.unpack_from(body, offset)
        offset += _FRAME.size
        end = offset + _CHUNK.size * chunk_count
        chunks = tuple(ChunkPlace(*pair) for pair in _CHUNK.iter_unpack(body[offset:end]))
        frames.append(FoundFrame(number, place, FrameHeader(codec, stored, raw, chunks)))
        offset = end
    return IndexedPack(identifier, size, tuple(frames)), offset


@dataclass(frozen=True, slots=True)
class IndexProblem:
    """Something that the index could not use; `name` is the object."""

    name: str
    why: str


class Index:
    """All packs of a repository by the chunks in them. Safe to read while one thread adds."""

    def __init__(self) -> None:
        self.packs: dict[bytes, IndexedPack] = {}
        self.problems: list[IndexProblem] = []
        self.unindexed: set[bytes] = set()
        """Packs that no fragment named: written just before a crash."""
        self._places: list[Location] = []
        # a number instead of a Location: one object for a frame's 64 chunks, not one for each
        self._numbers: dict[bytes, int] = {}

    def __contains__(self, identifier: bytes) -> bool:
        return identifier in self._numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, pack: IndexedPack) -> None:
        """Learn of a pack that is stored; of two places for one chunk the first stays."""
        if pack.id in self.packs:
            return
        self.packs[pack.id] = pack
        for frame in pack.frames:
            number = len(self._places)
            self._places.append(Location(pack, frame))
            for chunk in frame.header.chunks:
                self._numbers.setdefault(chunk.id, number)

    def find(self, identifier: bytes) -> Location:
        """Where a chunk lies. Raises ChunkMissing."""
        number = self._numbers.get(identifier)
        if number is None:
            raise ChunkMissing(
                f"Chunk {identifier.hex()[:16]}… is in no pack",
                why="Its pack was deleted or is damaged.",
                next_step="`quri-console check` tells which backups need it.",
            )
        return self._places[number]

    def places_of(self, identifier: bytes) -> tuple[Location, ...]:
        """Every place of a chunk, for when the first one turns out to be damaged."""
        return tuple(place for place in self._places if any(c.id == identifier for c in place.frame.header.chunks))


def load_index(backend: Backend, *, avoid: frozenset[bytes] = frozenset()) -> Index:
    """The merged index: all readable fragments, and packs that none of them names, read from their own headers.

    Chunks are looked for in the packs of `avoid` (marked for deletion) last. Entries of packs that are gone are
    left out; damaged fragments and packs are noted as problems, never raised: the packs are the truth.
    """
    index = Index()
    present = _present_packs(backend)
    known: dict[bytes, IndexedPack] = {}
    for entry in backend.list(INDEX_FOLDER):
        if is_fragment_name(entry.name):
            known.update(_readable_fragment(backend, entry.name, index))
    for identifier in present.keys() - known.keys():
        pack = _read_pack(backend, identifier, index)
        if pack is not None:
            index.unindexed.add(identifier)
            known[identifier] = pack
    usable = [pack for identifier, pack in known.items() if identifier in present]
    for pack in sorted(usable, key=lambda pack: (pack.id in avoid, pack.id)):
        index.add(pack)
    return index


def _present_packs(backend: Backend) -> dict[bytes, int]:
    found = ((pack_id(entry.name), entry.size) for entry in backend.list(PACKS_FOLDER))
    return {identifier: size for identifier, size in found if identifier is not None}


def _readable_fragment(backend: Backend, name: str, index: Index) -> dict[bytes, IndexedPack]:
    try:
        return {pack.id: pack for pack in decode_fragment(backend.get(name), name)}
    except ObjectMissing:
        # prune has just replaced it; packs that it named are read from their own headers
        return {}
    except (CorruptionError, struct.error, NewerFormat) as error:
        if isinstance(error, NewerFormat):
            raise
        index.problems.append(IndexProblem(name, str(error)))
        return {}


def _read_pack(backend: Backend, identifier: bytes, index: Index) -> IndexedPack | None:
    name = pack_name(identifier)
    try:
        pack = indexed_pack(backend.get(name))
    except ObjectMissing:
        return None  # prune has just deleted it
    except (ChunkDamaged, CorruptionError) as error:
        index.problems.append(IndexProblem(name, str(error)))
        return None
    if pack.id != identifier:
        index.problems.append(IndexProblem(name, "its SHA-256 is not its name"))
        return None
    return pack


def put_fragment(backend: Backend, packs: Iterable[IndexedPack]) -> str:
    """Store an index fragment that names these packs; its object."""
    data = encode_fragment(packs)
    name = f"{INDEX_FOLDER}/{hashlib.sha256(data).hexdigest()}"
    # not only if absent: what lies there under this name may be damaged
    backend.put(name, data)
    return name
