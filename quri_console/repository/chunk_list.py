"""The list of a blob's chunks, which is what a backup keeps of it: runs of chunk names, and runs of zeros.

`"QURICHNK" version:u8 chunk_bytes:u32 total_bytes:u64 runs:u32 (kind:u8 count:u32 [id:32]*)*`, big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from quri_console.errors import CorruptionError
from quri_console.repository.errors import NewerFormat

ID_BYTES = 32
_MAGIC = b"QURICHNK"
_VERSION = 1
_HEADER = struct.Struct(">8sBIQI")
_RUN = struct.Struct(">BI")
_ZERO, _DATA = 0, 1
_LARGEST_CHUNK = 16 << 20

ChunkId = bytes | None
"""The name of a chunk; None is a chunk of zeros, which is stored nowhere."""


@dataclass(frozen=True, slots=True)
class ChunkList:
    """What a blob consists of: every chunk has `chunk_bytes`, but for the last, which may be shorter."""

    chunk_bytes: int
    total_bytes: int
    ids: tuple[ChunkId, ...]

    def length(self, position: int) -> int:
        """The size in bytes of the chunk at a position."""
        return min(self.chunk_bytes, self.total_bytes - position * self.chunk_bytes)

    @property
    def stored_ids(self) -> Iterator[bytes]:
        """The names of all chunks that are not zero, with repetitions."""
        return (identifier for identifier in self.ids if identifier is not None)


def chunk_count(total_bytes: int, chunk_bytes: int) -> int:
    """How many chunks a blob of this size has."""
    return -(-total_bytes // chunk_bytes)


def encode_chunk_list(chunks: ChunkList) -> bytes:
    """The bytes of a `*.chunks` file."""
    runs = list(_runs(chunks.ids))
    parts = [_HEADER.pack(_MAGIC, _VERSION, chunks.chunk_bytes, chunks.total_bytes, len(runs))]
    for run in runs:
        if run[0] is None:
            parts.append(_RUN.pack(_ZERO, len(run)))
        else:
            parts.append(_RUN.pack(_DATA, len(run)))
            parts.extend(identifier for identifier in run if identifier is not None)
    return b"".join(parts)


def _runs(ids: Sequence[ChunkId]) -> Iterator[Sequence[ChunkId]]:
    start = 0
    for position in range(1, len(ids) + 1):
        if position == len(ids) or (ids[position] is None) != (ids[start] is None):
            yield ids[start:position]
            start = position


def decode_chunk_list(data: bytes, origin: str) -> ChunkList:
    """The list in the bytes of a `*.chunks` file. Raises CorruptionError naming `origin`, NewerFormat."""
    try:
        magic, version, chunk_bytes, total_bytes, runs = _HEADER.unpack_from(data)
    except struct.error as error:
        raise _not_a_list(origin, "it is too short") from error
    if magic != _MAGIC:
        raise _not_a_list(origin, "it begins otherwise")
    if version != _VERSION:
        raise NewerFormat(f"{origin} has format {version}", next_step="Use the version of quri-console that wrote it.")
    if not 0 < chunk_bytes <= _LARGEST_CHUNK:
        raise _not_a_list(origin, f"chunks of {chunk_bytes} bytes")
    count = chunk_count(total_bytes, chunk_bytes)
    ids = _decode_runs(data, runs, count, origin)
    if len(ids) != count:
        raise _not_a_list(origin, f"it names {len(ids)} chunks instead of {count}")
    return ChunkList(chunk_bytes, total_bytes, tuple(ids))


def _decode_runs(data: bytes, runs: int, limit: int, origin: str) -> list[ChunkId]:
    ids: list[ChunkId] = []
    offset = _HEADER.size
    for _ in range(runs):
        try:
            kind, count = _RUN.unpack_from(data, offset)
        except struct.error as error:
            raise _not_a_list(origin, "it is cut off") from error
        offset += _RUN.size
        if len(ids) + count > limit:
            raise _not_a_list(origin, "it names more chunks than its size allows")
        if kind == _ZERO:
            ids.extend([None] * count)
            continue
        end = offset + ID_BYTES * count
        if kind != _DATA or end > len(data):
            raise _not_a_list(origin, "it is cut off")
        ids.extend(data[start : start + ID_BYTES] for start in range(offset, end, ID_BYTES))
        offset = end
    if offset != len(data):
        raise _not_a_list(origin, "something follows its end")
    return ids


def joined(chunk_bytes: int, total_bytes: int, ids: Iterable[ChunkId]) -> ChunkList:
    """A list of these chunks; ValueError when their number does not fit the size."""
    found = tuple(ids)
    if len(found) != chunk_count(total_bytes, chunk_bytes):
        raise ValueError(f"{len(found)} chunks of {chunk_bytes} bytes do not make {total_bytes} bytes")
    return ChunkList(chunk_bytes, total_bytes, found)


def _not_a_list(origin: str, why: str) -> CorruptionError:
    return CorruptionError(f"{origin} is not a list of chunks", why=why, next_step="Use another backup.")
