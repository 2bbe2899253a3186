"""A canister's state wherever it is kept: in the repository, or in a snapshot directory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from quri_console.backup.interchange import BLOBS, SLICE_BYTES, Slice, blob_size, slices_of
from quri_console.backup.snapshot_record import CHUNK_STORE_BLOB, chunk_span
from quri_console.repository.store import Blob as StoredBlob
from quri_console.repository.store import Repository

if TYPE_CHECKING:
    from quri_console.ic.management.types import SnapshotMetadata
    from quri_console.repository.sets import SetManifest


class SnapshotState(Protocol):
    """The bytes of a snapshot. Reading raises CorruptionError for what is not as it was written."""

    @property
    def metadata(self) -> SnapshotMetadata:
        """Everything but the bytes."""

    def read(self, part: Slice) -> bytes:
        """The bytes of a slice."""

    def is_zero(self, part: Slice) -> bool:
        """Whether a slice is all zero; cheap where that is known without reading."""

    def chunk(self, digest: bytes) -> bytes:
        """A chunk of the chunk store by its SHA-256."""

    def chunk_bytes(self, digest: bytes) -> int:
        """The size of a chunk of the chunk store."""


@dataclass(frozen=True)
class StoredState:
    """A state in the repository."""

    repository: Repository
    manifest: SetManifest
    folder: str
    metadata: SnapshotMetadata
    chunk_sizes: tuple[int, ...]

    def blob(self, name: str) -> StoredBlob:
        """One of the blobs, its list of chunks read and checked."""
        return self._blobs[name]

    @cached_property
    def _blobs(self) -> dict[str, StoredBlob]:
        names = [*BLOBS, *([CHUNK_STORE_BLOB] if self.metadata.wasm_chunk_store else [])]
        return {name: self.repository.blob(self.manifest, f"{self.folder}/{name}.chunks") for name in names}

    def read(self, part: Slice) -> bytes:
        return self.blob(part.blob).read(part.offset, part.size)

    def is_zero(self, part: Slice) -> bool:
        return self.blob(part.blob).is_zero(part.offset, part.size)

    def chunk(self, digest: bytes) -> bytes:
        position = self.metadata.wasm_chunk_store.index(digest)
        offset, size = chunk_span(self.chunk_sizes, position)
        return self.blob(CHUNK_STORE_BLOB).read(offset, size)

    def chunk_bytes(self, digest: bytes) -> int:
        return self.chunk_sizes[self.metadata.wasm_chunk_store.index(digest)]


def iter_slices(
    state: SnapshotState, slice_bytes: int = SLICE_BYTES, *, zero_too: bool = True
) -> Iterator[tuple[Slice, bytes]]:
    """Every slice with its bytes, one in memory at a time; without all-zero ones when `zero_too` is false."""
    for part in slices_of(state.metadata, slice_bytes):
        if zero_too or not state.is_zero(part):
            yield part, state.read(part)


def state_bytes(state: SnapshotState) -> int:
    """Module, heap, stable memory and chunk store together."""
    chunks = sum(state.chunk_bytes(digest) for digest in state.metadata.wasm_chunk_store)
    return chunks + sum(blob_size(state.metadata, blob) for blob in BLOBS)
