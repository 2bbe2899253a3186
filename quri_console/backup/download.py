"""A snapshot from the chain into a snapshot directory: slices in parallel, each one's length checked."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from quri_console.backup.files import (
    create_private,
    hash_file,
    make_private_directory,
    storage_errors,
    sync_directory,
    write_all,
    write_private,
)
from quri_console.backup.interchange import (
    BLOBS,
    CHUNK_STORE_NAME,
    METADATA_NAME,
    Blob,
    Slice,
    blob_path,
    blob_size,
    chunk_path,
    is_zero,
    slices_of,
)
from quri_console.backup.snapshot_json import encode_metadata
from quri_console.clock import Clock
from quri_console.errors import NetworkError, QuriError
from quri_console.ic.agent import Agent, Rejected
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.read import read_snapshot_chunk, read_snapshot_metadata, read_snapshot_slice
from quri_console.ic.management.types import SnapshotMetadata

CONCURRENT_SLICES = 8
"""At about 2 MB each, what is held in memory whatever the canister's size."""
_WRITER_THREADS = 3
_ATTEMPTS = 6
_FIRST_PAUSE_SECONDS = 0.5
_SYS_TRANSIENT = 2
_SNAPSHOT_NOT_FOUND = "IC0305"
_Answer = TypeVar("_Answer")


class SnapshotGone(QuriError):
    """The snapshot was deleted on chain while it was being read."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file of a snapshot directory, on disk; `path` is relative to that directory."""

    path: str
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Download:
    """A snapshot directory that is complete and on disk."""

    metadata: SnapshotMetadata
    files: tuple[WrittenFile, ...]

    def sha256_of(self, name: str) -> bytes:
        """The digest of the file of this name."""
        return next(file.sha256 for file in self.files if file.path == name)


@dataclass(frozen=True, slots=True)
class SnapshotSource:
    """A snapshot of a canister and how to reach it."""

    agent: Agent
    canister: Principal
    snapshot_id: bytes
    clock: Clock

    async def metadata(self) -> SnapshotMetadata:
        return await self._read(lambda: read_snapshot_metadata(self.agent, self.canister, self.snapshot_id))

    async def slice(self, part: Slice) -> memoryview:
        """The bytes of a slice; CorruptionError when the answer has another length."""
        return await self._read(
            lambda: read_snapshot_slice(self.agent, self.canister, self.snapshot_id, part.blob, part.offset, part.size)
        )

    async def chunk(self, digest: bytes) -> bytes:
        """A chunk of the chunk store; CorruptionError when it does not have its hash."""
        return await self._read(lambda: read_snapshot_chunk(self.agent, self.canister, self.snapshot_id, digest))

    async def _read(self, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Ask again after what passes by itself: a read changes nothing, so a new request may be sent."""
        pause = _FIRST_PAUSE_SECONDS
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await ask()
            except Rejected as error:
                if error.error_code == _SNAPSHOT_NOT_FOUND:
                    raise self._gone() from error
                if error.reject_code != _SYS_TRANSIENT or attempt == _ATTEMPTS:
                    raise
            except NetworkError:
                # the agent has already repeated the request until it expired
                if attempt > 1:
                    raise
            await self.clock.sleep(pause)
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def _gone(self) -> SnapshotGone:
        return SnapshotGone(
            f"Snapshot {self.snapshot_id.hex()} was deleted while it was being read",
            why="Somebody else with control over the canister deleted or replaced it.",
            next_step="Run the backup again.",
        )


@dataclass(slots=True)
class _BlobFile:
    """One blob's file while its slices arrive in any order."""

    blob: Blob
    path: Path
    descriptor: int
    size: int
    missing: int
    closed: bool = False

    def write(self, part: Slice, data: bytes | memoryview) -> None:
        # zeros are left as holes: the file already has its full length
        if not is_zero(data):
            with storage_errors(f"write {self.path.name}", self.path):
                write_all(self.descriptor, data, part.offset)

    def finish(self) -> WrittenFile:
        """Put the file on disk and hash what it holds."""
        with storage_errors(f"write {self.path.name}", self.path):
            os.fsync(self.descriptor)
            self.close()
            size, digest = hash_file(self.path)
        return WrittenFile(self.path.name, size, digest)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            os.close(self.descriptor)


def _open_blobs(directory: Path, metadata: SnapshotMetadata) -> dict[Blob, _BlobFile]:
    files: dict[Blob, _BlobFile] = {}
    for blob in BLOBS:
        path, size = blob_path(directory, blob), blob_size(metadata, blob)
        with storage_errors(f"make {path.name}", path):
            files[blob] = _BlobFile(blob, path, create_private(path), size, size)
            os.truncate(files[blob].descriptor, size)
    return files


async def download_snapshot(
    source: SnapshotSource,
    directory: Path,
    metadata: SnapshotMetadata,
    report: Callable[[int], None],
) -> Download:
    """Write the snapshot into the new folder `directory`, every byte on disk when this returns.

    `report` gets the size in bytes of each slice that was written. Raises CorruptionError,
    SnapshotGone, StorageFailed, DiskFull, Rejected, NetworkError; the caller removes the folder then.
    """
    with storage_errors("make the snapshot folder", directory):
        make_private_directory(directory)
        make_private_directory(directory / CHUNK_STORE_NAME)
    encoded = encode_metadata(metadata)
    with storage_errors(f"write {METADATA_NAME}", directory):
        await asyncio.to_thread(write_private, directory / METADATA_NAME, encoded)
    written = [WrittenFile(METADATA_NAME, len(encoded), hashlib.sha256(encoded).digest())]
    written += await _download_blobs(source, directory, metadata, report)
    written += await _download_chunks(source, directory, metadata, report)
    with storage_errors("write the snapshot folder", directory):
        for folder in (directory / CHUNK_STORE_NAME, directory):
            await asyncio.to_thread(sync_directory, folder)
    return Download(metadata, tuple(written))


async def _download_blobs(
    source: SnapshotSource, directory: Path, metadata: SnapshotMetadata, report: Callable[[int], None]
) -> list[WrittenFile]:
    files = _open_blobs(directory, metadata)
    try:
        # leaving the executor waits for its threads, so that none writes to a descriptor after it was closed
        with ThreadPoolExecutor(_WRITER_THREADS, thread_name_prefix="backup-writer") as threads:
            return await _fill_blobs(source, files, slices_of(metadata), _Writer(threads, report))
    finally:
        for file in files.values():
            file.close()


@dataclass(frozen=True, slots=True)
class _Writer:
    threads: ThreadPoolExecutor
    report: Callable[[int], None]

    async def run(self, work: Callable[..., _Answer], *arguments: object) -> _Answer:
        return await asyncio.get_running_loop().run_in_executor(self.threads, work, *arguments)


async def _fill_blobs(
    source: SnapshotSource, files: dict[Blob, _BlobFile], parts: Iterator[Slice], writer: _Writer
) -> list[WrittenFile]:
    finished: list[asyncio.Task[WrittenFile]] = []

    async def work() -> None:
        for part in parts:
            data = await source.slice(part)
            file = files[part.blob]
            await writer.run(file.write, part, data)
            file.missing -= part.size
            writer.report(part.size)
            if not file.missing:
                finished.append(tasks.create_task(writer.run(file.finish)))

    async with first_failure() as tasks:
        empty = [file for file in files.values() if not file.size]
        finished += [tasks.create_task(writer.run(file.finish)) for file in empty]
        for _ in range(CONCURRENT_SLICES):
            tasks.create_task(work())
    return [task.result() for task in finished]


async def _download_chunks(
    source: SnapshotSource, directory: Path, metadata: SnapshotMetadata, report: Callable[[int], None]
) -> list[WrittenFile]:
    digests: Iterator[bytes] = iter(metadata.wasm_chunk_store)
    written: list[WrittenFile] = []

    async def work() -> None:
        for digest in digests:
            data = await source.chunk(digest)
            path = chunk_path(directory, digest)
            with storage_errors(f"write {path.name}", path):
                await asyncio.to_thread(write_private, path, data)
            written.append(WrittenFile(f"{CHUNK_STORE_NAME}/{path.name}", len(data), digest))
            report(len(data))

    async with first_failure() as tasks:
        for _ in range(CONCURRENT_SLICES):
            tasks.create_task(work())
    return written


@asynccontextmanager
async def first_failure() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that raises its first failure itself instead of a group of one kind."""
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
