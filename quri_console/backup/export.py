"""A stored state out of the repository, as the snapshot directory that `icp canister snapshot upload` takes.

It appears under its name only when all of it is on disk: until then it lies in a hidden folder beside.
"""

from __future__ import annotations

import hashlib
import math
import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.backup.interchange import (
    BLOBS,
    CHUNK_STORE_NAME,
    METADATA_NAME,
    SLICE_BYTES,
    Blob,
    Slice,
    blob_path,
    blob_size,
    chunk_path,
)
from quri_console.backup.snapshot_json import encode_metadata
from quri_console.errors import CorruptionError, UsageError
from quri_console.progress import NoProgress, Progress, ProgressEvent
from quri_console.repository.chunking import is_zero
from quri_console.repository.files import (
    create_private,
    make_private_directory,
    storage_errors,
    sync_directory,
    write_all,
    write_private,
)
from quri_console.units import WASM_PAGE_BYTES

if TYPE_CHECKING:
    from quri_console.backup.browse import StoredCanister
    from quri_console.backup.state import StoredState
    from quri_console.ic.management.types import SnapshotMetadata


@dataclass(frozen=True, slots=True)
class Exported:
    """A finished snapshot directory. `state_bytes` are those of its files, holes included."""

    path: Path
    files: int
    state_bytes: int
    refused_by_icp: str
    """Why icp will not take it, although nothing is wrong with it; empty when it will."""


def export_state(
    stored: StoredCanister,
    target: Path,
    progress: Progress | None = None,
    still_locked: Callable[[], None] = lambda: None,
) -> Exported:
    """Write a canister's state into the new directory `target`; every byte is compared on the way.

    Chunks are compared with their names, the module and the chunks of the chunk store with their SHA-256. Pages that
    are all zero become holes. Raises NoState, UsageError where something is at `target`, CorruptionError, WrongKey,
    StorageFailed, DiskFull; then nothing is left at `target`.
    """
    state = stored.require_state()
    _refuse_existing(target)
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}")
    with storage_errors(f"export {stored.label}", target):
        make_private_directory(temporary)
        try:
            writing = _Writing(stored, state, temporary, progress or NoProgress(), still_locked)
            writing.write_all()
            _refuse_existing(target)
            temporary.rename(target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_directory(target.parent)
    return Exported(target, writing.files, writing.total, refused_by_icp(state.metadata))


def refused_by_icp(metadata: SnapshotMetadata) -> str:
    """Why icp refuses this metadata; empty when it does not: its JSON has no form for NaN and infinity."""
    odd = [
        position
        for position, item in enumerate(metadata.globals)
        if item is not None and isinstance(item.value, float) and not math.isfinite(item.value)
    ]
    return f"Global {odd[0]} is a float that JSON cannot say (NaN or infinite)" if odd else ""


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise UsageError(f"{target} is there already", next_step="Name a directory that does not exist yet, by --to.")
    if not target.parent.is_dir():
        raise UsageError(f"There is no folder {target.parent}", next_step="Make it, or name another by --to.")


class _Writing:
    """One directory while it is written."""

    def __init__(
        self,
        stored: StoredCanister,
        state: StoredState,
        folder: Path,
        progress: Progress,
        still_locked: Callable[[], None],
    ) -> None:
        self.files = 0
        self.total = sum(blob_size(state.metadata, blob) for blob in BLOBS) + sum(state.chunk_sizes)
        self._stored = stored
        self._state = state
        self._folder = folder
        self._progress = progress
        self._still_locked = still_locked
        self._done = 0
        self._module = hashlib.sha256()

    def write_all(self) -> None:
        """The blobs, the chunk store, and the metadata last; all of it on disk."""
        for blob in BLOBS:
            self._write_blob(blob)
        self._compare_module()
        # icp makes this folder always, so ours is the same
        make_private_directory(self._folder / CHUNK_STORE_NAME)
        for digest in self._state.metadata.wasm_chunk_store:
            self._write_chunk(digest)
        sync_directory(self._folder / CHUNK_STORE_NAME)
        write_private(self._folder / METADATA_NAME, encode_metadata(self._state.metadata))
        sync_directory(self._folder)
        self.files += 1

    def _write_blob(self, blob: Blob) -> None:
        size = blob_size(self._state.metadata, blob)
        descriptor = create_private(blob_path(self._folder, blob))
        try:
            os.ftruncate(descriptor, size)
            for offset in range(0, size, SLICE_BYTES):
                self._write_slice(descriptor, Slice(blob, offset, min(SLICE_BYTES, size - offset)))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.files += 1

    def _write_slice(self, descriptor: int, part: Slice) -> None:
        data = b"" if self._state.is_zero(part) else self._state.read(part)
        if part.blob == "wasm_module":
            self._module.update(data or bytes(part.size))
        whole = memoryview(data)
        for start in range(0, len(data), WASM_PAGE_BYTES):
            page = whole[start : start + WASM_PAGE_BYTES]
            if not is_zero(page):
                write_all(descriptor, page, part.offset + start)
        self._advance(part.size)

    def _compare_module(self) -> None:
        if self._module.digest() != self._stored.module_hash:
            raise CorruptionError(
                f"The module of {self._stored.label} does not have the hash that the manifest names",
                next_step="Export another backup.",
            )

    def _write_chunk(self, digest: bytes) -> None:
        data = self._state.chunk(digest)
        if hashlib.sha256(data).digest() != digest:
            raise CorruptionError(
                f"A chunk of the chunk store of {self._stored.label} does not have its hash",
                next_step="Export another backup.",
            )
        write_private(chunk_path(self._folder, digest), data)
        self.files += 1
        self._advance(len(data))

    def _advance(self, size: int) -> None:
        self._done += size
        self._still_locked()
        self._progress.report(ProgressEvent("export", self._done, self.total, "bytes", subject=self._stored.name))
