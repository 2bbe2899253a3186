"""A state whose bytes can be read now, with names for its chunks; kept in a repository or a folder, or elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from quri_console.backup.chunk_maps import Report, chunk_map_of, naming_of, stored_chunk_map
from quri_console.backup.interchange import SLICE_BYTES, Blob, Slice, blob_size
from quri_console.image.page_diff import ChunkMap

if TYPE_CHECKING:
    from quri_console.backup.state import SnapshotState
    from quri_console.ic.management.types import SnapshotMetadata


class ReadableState(Protocol):
    """The bytes of one side. Reading raises CorruptionError, and from the chain what the network raises."""

    @property
    def metadata(self) -> SnapshotMetadata:
        """Everything but the bytes."""

    @property
    def naming(self) -> str | None:
        """How the names in `stored_map` come about; None where there are none."""

    @property
    def is_charged(self) -> bool:
        """Whether reading costs the canister cycles."""

    async def stored_map(self, blob: Blob) -> ChunkMap | None:
        """A blob's chunks by the names that they have already."""

    async def plain_map(self, blob: Blob, chunk_bytes: int, report: Report) -> ChunkMap:
        """A blob's chunks by their plain SHA-256; reads the blob."""

    async def module(self, report: Report) -> bytes:
        """The module as it was installed."""


@dataclass(frozen=True, slots=True)
class KeptState:
    """A state in a repository, an archive or a snapshot directory; read in a thread beside the loop."""

    state: SnapshotState

    @property
    def metadata(self) -> SnapshotMetadata:
        return self.state.metadata

    @property
    def naming(self) -> str | None:
        return naming_of(self.state)

    @property
    def is_charged(self) -> bool:
        return False

    async def stored_map(self, blob: Blob) -> ChunkMap | None:
        return await asyncio.to_thread(stored_chunk_map, self.state, blob)

    async def plain_map(self, blob: Blob, chunk_bytes: int, report: Report) -> ChunkMap:
        return await asyncio.to_thread(chunk_map_of, self.state, blob, chunk_bytes=chunk_bytes, report=report)

    async def module(self, report: Report) -> bytes:
        return await asyncio.to_thread(self._module, report)

    def _module(self, report: Report) -> bytes:
        parts = []
        for part in slices_of_blob(self.state.metadata, "wasm_module"):
            parts.append(self.state.read(part))
            report(part.size)
        return b"".join(parts)


def slices_of_blob(metadata: SnapshotMetadata, blob: Blob) -> Iterator[Slice]:
    """Every slice of one blob, by offset."""
    size = blob_size(metadata, blob)
    return (Slice(blob, offset, min(SLICE_BYTES, size - offset)) for offset in range(0, size, SLICE_BYTES))
