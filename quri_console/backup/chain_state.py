"""The bytes of a snapshot that is on chain, as one side of a comparison."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from quri_console.backup.chunk_maps import Report, chunk_names
from quri_console.backup.download import MOST_SLICES, SnapshotSource
from quri_console.backup.interchange import Blob, Slice, blob_size
from quri_console.backup.readable_state import slices_of_blob
from quri_console.image.page_diff import ChunkMap
from quri_console.tasks import first_failure

if TYPE_CHECKING:
    from quri_console.ic.management.types import SnapshotMetadata
    from quri_console.repository.chunk_list import ChunkId


@dataclass(slots=True)
class ChainState:
    """A snapshot on chain; every slice is charged to its canister, so that none is read twice."""

    source: SnapshotSource
    metadata: SnapshotMetadata
    naming: None = None
    is_charged: bool = True
    _module: bytes | None = field(default=None, repr=False)

    async def stored_map(self, blob: Blob) -> None:
        return None

    async def plain_map(self, blob: Blob, chunk_bytes: int, report: Report) -> ChunkMap:
        size = blob_size(self.metadata, blob)
        if blob == "wasm_module":
            return ChunkMap(chunk_bytes, size, chunk_names(await self.module(report), chunk_bytes))
        names: dict[int, list[ChunkId]] = {}

        async def take(part: Slice, data: memoryview) -> None:
            names[part.offset] = await asyncio.to_thread(chunk_names, data, chunk_bytes)

        await self._read(blob, take, report)
        return ChunkMap(chunk_bytes, size, [name for offset in sorted(names) for name in names[offset]])

    async def module(self, report: Report) -> bytes:
        if self._module is None:
            parts: dict[int, bytes] = {}

            async def take(part: Slice, data: memoryview) -> None:
                parts[part.offset] = bytes(data)

            await self._read("wasm_module", take, report)
            self._module = b"".join(parts[offset] for offset in sorted(parts))
        return self._module

    async def _read(self, blob: Blob, take: _Take, report: Report) -> None:
        """Every slice of a blob, as many at once as the network takes; each is let go before the next is asked for."""
        parts = slices_of_blob(self.metadata, blob)

        async def work() -> None:
            for part in parts:
                await take(part, await self.source.slice(part))
                report(part.size)

        async with first_failure() as tasks:
            for _ in range(MOST_SLICES):
                tasks.create_task(work())


class _Take(Protocol):
    async def __call__(self, part: Slice, data: memoryview) -> None: ...
