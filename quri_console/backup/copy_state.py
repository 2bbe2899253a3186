"""A snapshot from the chain into the repository: slices in parallel, hashed and packed in threads beside the loop.

What was received and is not yet packed is bounded: at most `MOST_SLICES` slices are on their way, and each is handed
to a thread before the next is asked for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from quri_console.backup.download import MOST_SLICES, SnapshotSource
from quri_console.backup.interchange import BLOBS, Blob, Slice, blob_size, slices_of
from quri_console.backup.resume_notes import DoneSlice, encode_note
from quri_console.backup.snapshot_record import CHUNK_STORE_ALIGNMENT, CHUNK_STORE_BLOB, padded
from quri_console.ic.management.types import SnapshotMetadata
from quri_console.repository.chunk_list import ChunkId, ChunkList, joined
from quri_console.repository.chunk_writer import ChunkWriter, Written
from quri_console.repository.chunking import chunk_bytes_for
from quri_console.tasks import first_failure

SLICES_PER_NOTE = 8
PACKER_THREADS = 2


@dataclass(frozen=True, slots=True)
class CopiedState:
    """A snapshot whose every byte was handed to the repository; durable once the writer was flushed."""

    metadata: SnapshotMetadata
    lists: Mapping[str, ChunkList]
    chunk_sizes: tuple[int, ...]
    state_bytes: int


class ProgressNotes:
    """Remembers which slices are durable, and keeps notes of them with the unfinished set."""

    def __init__(self, keep: Callable[[str, bytes], None]) -> None:
        """`keep` stores a note under a name; called in packer threads."""
        self._keep = keep
        self._lock = threading.Lock()
        self._waiting: list[tuple[int, bytes, DoneSlice]] = []
        self._durable = 0
        self._count = 0

    def start_at(self, count: int) -> None:
        """Number the next notes from `count` on, so that none replaces one of an earlier run."""
        self._count = count

    def stored(self, ticket: int, snapshot_id: bytes, done: DoneSlice) -> None:
        """A slice was handed over; it is durable from `ticket` on."""
        with self._lock:
            self._waiting.append((ticket, snapshot_id, done))
        self._note(at_least=SLICES_PER_NOTE)

    def durable_to(self, ticket: int) -> None:
        """Everything up to `ticket` is on disk, and noted when this returns."""
        with self._lock:
            self._durable = max(self._durable, ticket)
        self._note(at_least=1)

    def _note(self, *, at_least: int) -> None:
        with self._lock:
            ready: dict[bytes, list[DoneSlice]] = {}
            still = []
            for waiting in self._waiting:
                if waiting[0] <= self._durable:
                    ready.setdefault(waiting[1], []).append(waiting[2])
                else:
                    still.append(waiting)
            if sum(len(slices) for slices in ready.values()) < at_least:
                return
            self._waiting = still
            first = self._count
            self._count += len(ready)
        for number, (snapshot_id, slices) in enumerate(ready.items(), first):
            self._keep(f"slices-{number:06d}", encode_note(snapshot_id, slices))


@dataclass(slots=True)
class _Blob:
    """One blob while its slices arrive."""

    chunk_bytes: int
    total_bytes: int
    parts: dict[int, tuple[ChunkId, ...]] = field(default_factory=dict)

    def list(self) -> ChunkList:
        ids = (identifier for offset in sorted(self.parts) for identifier in self.parts[offset])
        return joined(self.chunk_bytes, self.total_bytes, ids)


class StateCopier:
    """Copies one snapshot."""

    def __init__(
        self,
        source: SnapshotSource,
        chunks: ChunkWriter,
        threads: ThreadPoolExecutor,
        notes: ProgressNotes,
        report: Callable[[int], None],
    ) -> None:
        """`report` gets the bytes of each slice that was stored, and may raise to end the copy."""
        self._source = source
        self._chunks = chunks
        self._threads = threads
        self._notes = notes
        self._report = report

    async def copy(
        self,
        metadata: SnapshotMetadata,
        *,
        done: Mapping[Slice, tuple[ChunkId, ...]],
        chunk_bytes: Mapping[str, int],
        known_module: ChunkList | None,
    ) -> CopiedState:
        """Read every slice that is not `done` and hand it to the repository.

        `chunk_bytes` are the chunk sizes of earlier backups by blob, which are kept; `known_module` is the
        list of a module that is stored already and need not be read.
        Raises CorruptionError, SnapshotGone, StorageFailed, DiskFull, Rejected, NetworkError.
        """
        blobs = {blob: self._blob(metadata, blob, chunk_bytes) for blob in BLOBS}
        parts = self._missing(metadata, blobs, done, known_module)
        async with first_failure() as tasks:
            for _ in range(MOST_SLICES):
                tasks.create_task(self._read_slices(parts, blobs))
        lists: dict[str, ChunkList] = {} if known_module is None else {"wasm_module": known_module}
        lists.update({blob: state.list() for blob, state in blobs.items() if blob not in lists})
        sizes: tuple[int, ...] = ()
        if metadata.wasm_chunk_store:
            lists[CHUNK_STORE_BLOB], sizes = await self._copy_chunk_store(metadata.wasm_chunk_store)
        total = sum(blob_size(metadata, blob) for blob in BLOBS) + sum(sizes)
        return CopiedState(metadata, lists, sizes, total)

    def _blob(self, metadata: SnapshotMetadata, blob: Blob, chunk_bytes: Mapping[str, int]) -> _Blob:
        size = blob_size(metadata, blob)
        return _Blob(chunk_bytes.get(blob) or chunk_bytes_for(size), size)

    def _missing(
        self,
        metadata: SnapshotMetadata,
        blobs: Mapping[Blob, _Blob],
        done: Mapping[Slice, tuple[ChunkId, ...]],
        known_module: ChunkList | None,
    ) -> Iterator[Slice]:
        for part in slices_of(metadata):
            if part.blob == "wasm_module" and known_module is not None:
                self._report(part.size)
            elif part in done and len(done[part]) == -(-part.size // blobs[part.blob].chunk_bytes):
                blobs[part.blob].parts[part.offset] = done[part]
                self._report(part.size)
            else:
                yield part

    async def _read_slices(self, parts: Iterator[Slice], blobs: Mapping[Blob, _Blob]) -> None:
        loop = asyncio.get_running_loop()
        for part in parts:
            data = await self._source.slice(part)
            blob = blobs[part.blob]
            written = await loop.run_in_executor(self._threads, self._store, part, data, blob.chunk_bytes)
            blob.parts[part.offset] = written.ids
            self._report(part.size)

    def _store(self, part: Slice, data: bytes | memoryview, chunk_bytes: int) -> Written:
        written = self._chunks.add(data, chunk_bytes)
        self._notes.stored(written.ticket, self._source.snapshot_id, DoneSlice(part, written.ids))
        return written

    async def _copy_chunk_store(self, digests: tuple[bytes, ...]) -> tuple[ChunkList, tuple[int, ...]]:
        """Every chunk of the chunk store at a boundary of its own, so that the same chunk is found again."""
        loop = asyncio.get_running_loop()
        stored: dict[bytes, tuple[int, tuple[ChunkId, ...]]] = {}
        left = iter(digests)

        async def work() -> None:
            for digest in left:
                data = await self._source.chunk(digest)
                whole = data + bytes(padded(len(data)) - len(data))
                written = await loop.run_in_executor(self._threads, self._chunks.add, whole, CHUNK_STORE_ALIGNMENT)
                stored[digest] = (len(data), written.ids)
                self._report(len(data))

        async with first_failure() as tasks:
            for _ in range(MOST_SLICES):
                tasks.create_task(work())
        sizes = tuple(stored[digest][0] for digest in digests)
        ids = (identifier for digest in digests for identifier in stored[digest][1])
        return joined(CHUNK_STORE_ALIGNMENT, sum(padded(size) for size in sizes), ids), sizes
