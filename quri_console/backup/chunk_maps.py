"""The chunks of a state by names that can be compared with another state's.

A repository names chunks so that it knows them again; an encrypted one by a key of its own. Where two states are named
differently, or cut into chunks of different sizes, their bytes are read and named anew by their plain SHA-256: one
slice at a time, so that the memory needed is that of the names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from quri_console.backup.interchange import SLICE_BYTES, Blob, Slice, blob_size
from quri_console.backup.state import StoredState
from quri_console.image.page_diff import ChunkMap
from quri_console.repository.chunk_list import ChunkId
from quri_console.repository.chunking import chunk_bytes_for, is_zero

if TYPE_CHECKING:
    from quri_console.backup.state import SnapshotState

PLAIN_SHA256 = "sha256"
Report = Callable[[int], None]
"""Gets the bytes of each slice that was read, and may raise to end the work."""


def naming_of(state: SnapshotState) -> str | None:
    """How the names that a state has for its chunks come about, None where it has none.

    Equal namings give equal names to equal chunks.
    """
    if not isinstance(state, StoredState):
        return None
    repository = state.repository
    return repository.id if repository.encrypted else PLAIN_SHA256


def stored_chunk_map(state: SnapshotState, blob: Blob) -> ChunkMap | None:
    """The chunks of a blob by the names that the state has for them, without reading one; None where it has none.

    Raises CorruptionError, WrongKey.
    """
    if not isinstance(state, StoredState):
        return None
    chunks = state.blob(blob).chunks
    return ChunkMap(chunks.chunk_bytes, chunks.total_bytes, chunks.ids)


def common_chunk_bytes(left_bytes: int, right_bytes: int) -> int:
    """The size of the chunks in which two blobs of these sizes are compared when both are read."""
    return chunk_bytes_for(max(left_bytes, right_bytes))


def chunk_map_of(state: SnapshotState, blob: Blob, *, chunk_bytes: int, report: Report = lambda _: None) -> ChunkMap:
    """The chunks of a blob by their plain SHA-256; reads all of it, but for what is known to be zero.

    `chunk_bytes` is one of the repository's chunk sizes, so that a slice is whole chunks. Raises CorruptionError.
    """
    size = blob_size(state.metadata, blob)
    ids: list[ChunkId] = []
    for offset in range(0, size, SLICE_BYTES):
        part = Slice(blob, offset, min(SLICE_BYTES, size - offset))
        ids.extend(_names(state, part, chunk_bytes))
        report(part.size)
    return ChunkMap(chunk_bytes, size, ids)


def _names(state: SnapshotState, part: Slice, chunk_bytes: int) -> list[ChunkId]:
    # only a repository knows without reading
    if isinstance(state, StoredState) and state.is_zero(part):
        return [None] * -(-part.size // chunk_bytes)
    return chunk_names(state.read(part), chunk_bytes)


def chunk_names(data: bytes | memoryview, chunk_bytes: int) -> list[ChunkId]:
    """The plain SHA-256 of each chunk, None for one of zeros."""
    view = memoryview(data)
    chunks = (view[start : start + chunk_bytes] for start in range(0, len(view), chunk_bytes))
    return [None if is_zero(chunk) else hashlib.sha256(chunk).digest() for chunk in chunks]
