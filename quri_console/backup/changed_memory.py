"""Which bytes of two states differ: by names that are there where they can be compared, else by reading."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.backup.chunk_maps import PLAIN_SHA256, Report, common_chunk_bytes
from quri_console.backup.interchange import Blob, blob_size
from quri_console.image.page_diff import ChunkMap, MemoryChange, compare_memory
from quri_console.progress import Progress, ProgressEvent

if TYPE_CHECKING:
    from quri_console.backup.readable_state import ReadableState

BLOB_WORDS: dict[Blob, str] = {"wasm_module": "module", "wasm_memory": "heap", "stable_memory": "stable memory"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What is told while bytes are read, and to whom."""

    progress: Progress
    subject: str
    still_locked: Callable[[], None]
    """Called between slices; raises when the repository may no longer be read."""

    def reporter(self, phase: str, total: int) -> Report:
        """What takes the bytes that were read since it was called last."""
        done = 0

        def report(size: int) -> None:
            nonlocal done
            done += size
            self.still_locked()
            self.progress.report(ProgressEvent(phase, done, total, "bytes", subject=self.subject))

        return report


async def changed_memory(
    left: ReadableState, right: ReadableState, blobs: Collection[Blob], reading: Reading
) -> dict[Blob, MemoryChange]:
    """How each of the blobs differs, to the chunk. Raises as reading does."""
    found: dict[Blob, MemoryChange] = {}
    for blob in blobs:
        maps = await _stored_maps(left, right, blob)
        if maps is None:
            maps = await _read_maps(left, right, blob, reading)
        found[blob] = compare_memory(*maps)
    return found


async def _stored_maps(left: ReadableState, right: ReadableState, blob: Blob) -> tuple[ChunkMap, ChunkMap] | None:
    """Both sides' own names, where they mean the same."""
    if left.naming is None or left.naming != right.naming:
        return None
    before, after = await left.stored_map(blob), await right.stored_map(blob)
    if before is None or after is None or before.chunk_bytes != after.chunk_bytes:
        return None
    return before, after


async def _read_maps(
    left: ReadableState, right: ReadableState, blob: Blob, reading: Reading
) -> tuple[ChunkMap, ChunkMap]:
    """Plain names of both sides; a side that has such names already is not read, and gives the size of the chunks."""
    before, after = await _plain_stored(left, blob), await _plain_stored(right, blob)
    if before is not None:
        after = None  # cut otherwise, or it would have been compared already
    given = before or after
    sizes = blob_size(left.metadata, blob), blob_size(right.metadata, blob)
    chunk_bytes = common_chunk_bytes(*sizes) if given is None else given.chunk_bytes
    total = (0 if before else sizes[0]) + (0 if after else sizes[1])
    report = reading.reporter(f"read {BLOB_WORDS[blob]}", total)
    if before is None:
        before = await left.plain_map(blob, chunk_bytes, report)
    if after is None:
        after = await right.plain_map(blob, chunk_bytes, report)
    return before, after


async def _plain_stored(state: ReadableState, blob: Blob) -> ChunkMap | None:
    return await state.stored_map(blob) if state.naming == PLAIN_SHA256 else None
