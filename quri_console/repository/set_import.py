"""Taking a backup set over from another repository, or from an archive: chunks, records and what its marks come to.

Everything is read, compared and written anew under the names and keys of the target, so that neither needs the other
afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from quri_console.clock import NANOSECONDS_PER_SECOND, utc_datetime
from quri_console.progress import NoProgress, Progress, ProgressEvent
from quri_console.repository.chunk_list import ChunkId, ChunkList, joined
from quri_console.repository.chunk_writer import ChunkWriter
from quri_console.repository.chunking import TRANSFER_BYTES
from quri_console.repository.marks import put_mark, read_marks
from quri_console.repository.set_writer import SetWriter
from quri_console.repository.sets import CHUNKS_SUFFIX, SetManifest
from quri_console.repository.store import Blob, Repository

IMPORTED_FROM = "imported_from"
"""The table of a manifest that says which set of which repository this one was."""
_OF_THE_STORAGE = ("verification",)
"""Marks that speak about the disk that a set lies on and not about the set."""


def import_archive(
    source: Repository,
    target: Repository,
    set_name: str,
    *,
    level: int = 3,
    begun: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    still_locked: Callable[[], None] = lambda: None,
) -> SetManifest:
    """Copy a set of `source` into `target`, where a shared lock is held; its manifest there.

    It keeps its name, or takes the next free second. `begun` says who does it. On a failure nothing of it remains but
    chunks. Raises CorruptionError for a damaged set, WrongKey, StorageFailed, DiskFull.
    """
    manifest = source.manifest(set_name)
    writer = reserve_at(target, manifest.taken_at, begun or {})
    work = _Import(source, target, manifest, writer, progress or NoProgress(), still_locked)
    try:
        return work.run(level)
    except BaseException:
        writer.abandon()
        raise


def reserve_at(target: Repository, moment: datetime, begun: Mapping[str, Any]) -> SetWriter:
    """The writer of a new set named after `moment`, or after the next second that is free."""
    second = int(moment.timestamp())
    while True:
        now_ns = second * NANOSECONDS_PER_SECOND
        writer = SetWriter.reserve(target.backend, target.vault, target.id, now_ns, begun)
        if writer is not None:
            return writer
        second += 1


class _Import:
    """One set on its way."""

    def __init__(
        self,
        source: Repository,
        target: Repository,
        manifest: SetManifest,
        writer: SetWriter,
        progress: Progress,
        still_locked: Callable[[], None],
    ) -> None:
        self._source = source
        self._target = target
        self._manifest = manifest
        self._writer = writer
        self._progress = progress
        self._still_locked = still_locked
        self._done = self._total = 0

    def run(self, level: int) -> SetManifest:
        """Chunks first, then the records and marks, then the manifest."""
        blobs = {file.path: self._source.blob(self._manifest, file.path) for file in self._manifest.chunk_lists()}
        self._total = sum(blob.size for blob in blobs.values())
        chunks = self._target.chunk_writer(level=level)
        lists = {path: self._copied(blob, chunks) for path, blob in blobs.items()}
        chunks.flush()
        for path, chunk_list in lists.items():
            folder, name = path.split("/")
            self._writer.put_chunk_list(folder, name.removesuffix(CHUNKS_SUFFIX), chunk_list)
        for file in self._manifest.files:
            if not file.is_chunk_list:
                folder, name = file.path.split("/")
                self._writer.put_record(folder, name, self._source.record(self._manifest, file.path))
        # before the manifest, or a power cut between the two would lose a pin or a hold
        _copy_marks(self._source, self._target, self._manifest.name, self._writer.name)
        document = {**self._manifest.document, IMPORTED_FROM: self._origin()}
        return self._writer.commit(self._manifest.items, document)

    def _copied(self, blob: Blob, chunks: ChunkWriter) -> ChunkList:
        size = blob.chunks.chunk_bytes
        step = max(1, TRANSFER_BYTES // size) * size
        ids: list[ChunkId] = []
        for offset in range(0, blob.size, step):
            length = min(step, blob.size - offset)
            if blob.is_zero(offset, length):
                ids += [None] * -(-length // size)
            else:
                ids += chunks.add(blob.read(offset, length), size).ids
            self._report(length)
        return joined(size, blob.size, ids)

    def _report(self, size: int) -> None:
        self._done += size
        self._still_locked()
        self._progress.report(ProgressEvent("import", self._done, self._total, "bytes", subject=self._manifest.name))

    def _origin(self) -> dict[str, object]:
        earlier = self._manifest.document.get(IMPORTED_FROM)
        now = utc_datetime(self._target.clock.now_ns()).replace(microsecond=0)
        origin = {"repository": self._source.id, "set": self._manifest.name, "imported_at": now}
        return origin if earlier is None else {**origin, IMPORTED_FROM: earlier}


def _copy_marks(source: Repository, target: Repository, old: str, new: str) -> None:
    marks, unreadable = read_marks(source.backend, old)
    for mark in marks:
        if mark.kind not in _OF_THE_STORAGE:
            put_mark(target.backend, new, mark.kind, int(mark.at.timestamp()) * NANOSECONDS_PER_SECOND, mark.fields)
    if unreadable:
        # as they count there: nobody can say that it may go
        reason = f"{len(unreadable)} marks could not be read where it was imported from"
        put_mark(target.backend, new, "hold", target.clock.now_ns(), {"reason": reason})
