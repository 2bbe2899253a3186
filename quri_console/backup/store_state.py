"""A state that lies in files, or anywhere else but on chain, into the repository."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from quri_console.backup.copy_state import CopiedState
from quri_console.backup.interchange import BLOBS, Blob, Slice, blob_size, slices_of
from quri_console.backup.snapshot_record import CHUNK_STORE_ALIGNMENT, CHUNK_STORE_BLOB, padded
from quri_console.backup.state import SnapshotState
from quri_console.errors import CorruptionError
from quri_console.repository.chunk_list import ChunkId, ChunkList, joined
from quri_console.repository.chunk_writer import ChunkWriter
from quri_console.repository.chunking import chunk_bytes_for


def store_state(
    state: SnapshotState, chunks: ChunkWriter, advance: Callable[[int], None] = lambda _: None
) -> CopiedState:
    """Hand every byte of a state to the repository; durable once `chunks` was flushed.

    `advance` is told the size of each piece that was handed over. Raises CorruptionError for a chunk of the chunk
    store that does not have its hash and as reading the state does, StorageFailed, DiskFull.
    """
    metadata = state.metadata
    parts: dict[Blob, list[Slice]] = {blob: [] for blob in BLOBS}
    for part in slices_of(metadata):
        parts[part.blob].append(part)
    lists: dict[str, ChunkList] = {}
    for blob, slices in parts.items():
        size = blob_size(metadata, blob)
        chunk_bytes = chunk_bytes_for(size)
        ids: list[ChunkId] = []
        for part in slices:
            ids += chunks.add(state.read(part), chunk_bytes).ids
            advance(part.size)
        lists[blob] = joined(chunk_bytes, size, ids)
    sizes: tuple[int, ...] = ()
    if metadata.wasm_chunk_store:
        lists[CHUNK_STORE_BLOB], sizes = _stored_chunk_store(state, chunks, advance)
    total = sum(blob_size(metadata, blob) for blob in BLOBS) + sum(sizes)
    return CopiedState(metadata, lists, sizes, total)


def _stored_chunk_store(
    state: SnapshotState, chunks: ChunkWriter, advance: Callable[[int], None]
) -> tuple[ChunkList, tuple[int, ...]]:
    sizes: list[int] = []
    ids: list[ChunkId] = []
    for digest in state.metadata.wasm_chunk_store:
        data = state.chunk(digest)
        if hashlib.sha256(data).digest() != digest or not data:
            raise CorruptionError(f"A chunk of the chunk store does not have the hash {digest.hex()}")
        ids += chunks.add(data + bytes(padded(len(data)) - len(data)), CHUNK_STORE_ALIGNMENT).ids
        sizes.append(len(data))
        advance(len(data))
    return joined(CHUNK_STORE_ALIGNMENT, sum(map(padded, sizes)), ids), tuple(sizes)
