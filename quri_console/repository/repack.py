"""Writing what is needed of wasteful packs anew: read, compared with its names, packed, read back, indexed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from quri_console.errors import CorruptionError
from quri_console.repository.backend import ObjectMissing
from quri_console.repository.chunk_writer import ChunkWriter
from quri_console.repository.frames import FrameReader
from quri_console.repository.index import Index, Location
from quri_console.repository.needed import PackUse
from quri_console.repository.prune_plan import DamagedPack
from quri_console.repository.store import Repository


@dataclass(frozen=True, slots=True)
class Repacked:
    """What became of wasteful packs: those that are needed no more, those left as they are, and the new packs."""

    replaced: tuple[bytes, ...]
    damaged: tuple[DamagedPack, ...]
    new_packs: tuple[bytes, ...]
    written_bytes: int


def repack(
    repository: Repository,
    index: Index,
    uses: Sequence[PackUse],
    report: Callable[[int], None] = lambda _: None,
) -> Repacked:
    """Store the `placed` chunks of these packs in new ones; the old packs stay. `report` gets each pack's size.

    Raises StorageFailed, DiskFull, CorruptionError when a new pack does not read back.
    """
    backend, vault = repository.backend, repository.vault
    reader = FrameReader(backend, vault)
    # an index of its own, or every chunk would count as stored already
    written = Index()
    writer = ChunkWriter(backend, vault, written)
    replaced, damaged = [], []
    for use in uses:
        try:
            for identifier, data in _needed_chunks(reader, index, use):
                _store(writer, identifier, data)
        except _Unreadable as error:
            damaged.append(DamagedPack(use.pack.id, str(error)))
        else:
            replaced.append(use.pack.id)
        report(use.pack.size)
    writer.flush()
    for pack in written.packs.values():
        if hashlib.sha256(backend.get(pack.name)).digest() != pack.id:
            raise CorruptionError(
                f"{pack.name} does not read back as it was written",
                why="The disk or the way to it makes mistakes; the packs it should replace were left as they are.",
                next_step="Check the disk, then `quri-console check --read-data`.",
            )
    return Repacked(tuple(replaced), tuple(damaged), tuple(written.packs), writer.totals.stored_bytes)


class _Unreadable(Exception):
    """No place of a chunk that is needed can be read."""


def _needed_chunks(reader: FrameReader, index: Index, use: PackUse) -> Iterator[tuple[bytes, memoryview]]:
    seen: set[bytes] = set()
    for frame in use.pack.frames:
        for chunk in frame.header.chunks:
            if chunk.id in use.placed and chunk.id not in seen:
                seen.add(chunk.id)
                yield chunk.id, _read(reader, index, chunk.id, Location(use.pack, frame))


def _read(reader: FrameReader, index: Index, identifier: bytes, place: Location) -> memoryview:
    try:
        return reader.chunk(identifier, (place,))
    except (CorruptionError, ObjectMissing) as error:
        others = [other for other in index.places_of(identifier) if other.pack.id != place.pack.id]
        try:
            return reader.chunk(identifier, others)
        except (CorruptionError, ObjectMissing):
            raise _Unreadable(str(error)) from error


def _store(writer: ChunkWriter, identifier: bytes, data: memoryview) -> None:
    if writer.add(data, max(1, len(data))).ids != (identifier,):
        # a chunk of zeros is stored nowhere, so one that a pack holds was never written by this tool
        raise _Unreadable("A chunk in it is not what this tool would have stored.")
