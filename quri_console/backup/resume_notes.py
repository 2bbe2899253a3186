"""What an interrupted backup leaves for the run that goes on with it: which slices are durable, and as which chunks.

A note is one object below the unfinished set: `"QURINOTE" version:u8 snapshot_id_length:u16 snapshot_id`, then per
slice `blob:u8 offset:u64 size:u64 chunks:u32 (zero:u8 [id:32])*`. Notes name their snapshot, so that slices of one are
never taken for those of another.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from quri_console.backup.interchange import BLOBS, Slice
from quri_console.repository.chunk_list import ID_BYTES, ChunkId
from quri_console.repository.index import Index
from quri_console.repository.set_writer import SetWriter

_HEAD = struct.Struct(">8sBH")
_SLICE = struct.Struct(">BQQI")
_MAGIC, _VERSION = b"QURINOTE", 1


@dataclass(frozen=True, slots=True)
class DoneSlice:
    """A slice that is in the repository."""

    part: Slice
    ids: tuple[ChunkId, ...]


def encode_note(snapshot_id: bytes, slices: Iterable[DoneSlice]) -> bytes:
    """The bytes of a note."""
    parts = [_HEAD.pack(_MAGIC, _VERSION, len(snapshot_id)), snapshot_id]
    for done in slices:
        part = done.part
        parts.append(_SLICE.pack(BLOBS.index(part.blob), part.offset, part.size, len(done.ids)))
        parts.extend(b"\0" if identifier is None else b"\1" + identifier for identifier in done.ids)
    return b"".join(parts)


def decode_note(data: bytes) -> tuple[bytes, tuple[DoneSlice, ...]]:
    """Snapshot id and slices; ValueError when it is no note."""
    try:
        magic, version, length = _HEAD.unpack_from(data)
        if (magic, version) != (_MAGIC, _VERSION):
            raise ValueError("not a note")
        offset = _HEAD.size + length
        return data[_HEAD.size : offset], tuple(_slices(data, offset))
    except (struct.error, IndexError) as error:
        raise ValueError("a note that is cut off") from error


def _slices(data: bytes, offset: int) -> Iterator[DoneSlice]:
    while offset < len(data):
        blob, start, size, count = _SLICE.unpack_from(data, offset)
        offset += _SLICE.size
        ids: list[ChunkId] = []
        for _ in range(count):
            stored = data[offset]
            end = offset + 1 + (ID_BYTES if stored else 0)
            if end > len(data):
                raise ValueError("a note that is cut off")
            ids.append(data[offset + 1 : end] if stored else None)
            offset = end
        yield DoneSlice(Slice(BLOBS[blob], start, size), tuple(ids))


def slices_done(writer: SetWriter, snapshot_id: bytes, index: Index) -> Mapping[Slice, tuple[ChunkId, ...]]:
    """The slices of this very snapshot that earlier runs stored and that are still there."""
    done: dict[Slice, tuple[ChunkId, ...]] = {}
    for _, data in writer.notes():
        try:
            noted, slices = decode_note(data)
        except ValueError:
            continue
        if noted != snapshot_id:
            continue
        done.update({item.part: item.ids for item in slices if all(i is None or i in index for i in item.ids)})
    return done
