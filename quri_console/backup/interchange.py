"""Snapshot directories in the form that `icp canister snapshot download` and `upload` use.

    metadata.json
    wasm_module.bin  wasm_memory.bin  stable_memory.bin
    wasm_chunk_store/<sha256 in hex>.bin

Unlike icp and dfx, reading checks that every file has the size that the metadata states,
that every chunk has the hash in its name, and that nothing is a link.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from quri_console.backup.snapshot_json import METADATA_LIMIT_BYTES, decode_metadata
from quri_console.errors import CorruptionError
from quri_console.repository.chunking import is_zero
from quri_console.repository.files import hash_file, open_regular, read_small, require_directory, storage_errors
from quri_console.units import MIB, WASM_PAGE_BYTES

if TYPE_CHECKING:
    from quri_console.ic.management.types import SnapshotMetadata

Blob = Literal["wasm_module", "wasm_memory", "stable_memory"]
BLOBS: tuple[Blob, ...] = ("wasm_module", "wasm_memory", "stable_memory")
METADATA_NAME = "metadata.json"
CHUNK_STORE_NAME = "wasm_chunk_store"
REQUIRED_FILES = (METADATA_NAME, *(f"{blob}.bin" for blob in BLOBS))

SLICE_BYTES = 30 * WASM_PAGE_BYTES
"""The largest whole number of Wasm pages in the network's 2,000,000 bytes a slice."""
CHUNK_LIMIT_BYTES = MIB


@dataclass(frozen=True, slots=True)
class Slice:
    """A range of one blob, in bytes."""

    blob: Blob
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class SnapshotDirectory:
    """A snapshot directory whose sizes and chunks were checked."""

    path: Path
    metadata: SnapshotMetadata

    def blob_path(self, blob: Blob) -> Path:
        return blob_path(self.path, blob)

    def chunk_path(self, digest: bytes) -> Path:
        return chunk_path(self.path, digest)

    def read(self, part: Slice) -> bytes:
        """The bytes of a slice. Raises CorruptionError, StorageFailed."""
        path = self.blob_path(part.blob)
        descriptor = open_regular(path)
        try:
            return _read_exactly(descriptor, part, path)
        finally:
            os.close(descriptor)

    def is_zero(self, part: Slice) -> bool:
        """Whether a slice is all zero; an uploaded snapshot starts as zeros, so such slices need not be sent."""
        return is_zero(self.read(part))

    def chunk(self, digest: bytes) -> bytes:
        """A chunk of the chunk store. Raises CorruptionError."""
        return read_small(self.chunk_path(digest), CHUNK_LIMIT_BYTES)

    def chunk_bytes(self, digest: bytes) -> int:
        """The size of a chunk of the chunk store."""
        return len(self.chunk(digest))

    @property
    def state_bytes(self) -> int:
        """Module, heap and stable memory together, without the chunk store."""
        return sum(blob_size(self.metadata, blob) for blob in BLOBS)


def blob_path(directory: Path, blob: Blob) -> Path:
    return directory / f"{blob}.bin"


def chunk_path(directory: Path, digest: bytes) -> Path:
    return directory / CHUNK_STORE_NAME / f"{digest.hex()}.bin"


def blob_size(metadata: SnapshotMetadata, blob: Blob) -> int:
    """The size in bytes that the metadata states for a blob."""
    sizes: dict[Blob, int] = {
        "wasm_module": metadata.wasm_module_size,
        "wasm_memory": metadata.wasm_memory_size,
        "stable_memory": metadata.stable_memory_size,
    }
    return sizes[blob]


def slices_of(metadata: SnapshotMetadata, slice_bytes: int = SLICE_BYTES) -> Iterator[Slice]:
    """Every slice of module, heap and stable memory, in this order and by offset."""
    for blob in BLOBS:
        size = blob_size(metadata, blob)
        for offset in range(0, size, slice_bytes):
            yield Slice(blob, offset, min(slice_bytes, size - offset))


def _read_exactly(descriptor: int, part: Slice, path: Path) -> bytes:
    with storage_errors(f"read {path.name}", path):
        data = os.pread(descriptor, part.size, part.offset)
    if len(data) != part.size:
        raise CorruptionError(f"{path} became shorter while it was read")
    return data


def read_metadata(directory: Path) -> SnapshotMetadata:
    """The metadata of the snapshot in `directory`, which must not be a link; CorruptionError when unusable."""
    require_directory(directory)
    path = directory / METADATA_NAME
    return decode_metadata(read_small(path, METADATA_LIMIT_BYTES), str(path))


def read_snapshot_directory(directory: Path, *, module_hash: bytes | None = None) -> SnapshotDirectory:
    """Open a snapshot directory written by this tool, icp or dfx, and check it.

    Every blob has the size in the metadata, every chunk the hash in its name and, when
    `module_hash` is given, the module that hash. Raises CorruptionError naming the file.
    """
    metadata = read_metadata(directory)
    for blob in BLOBS:
        _check_size(blob_path(directory, blob), blob_size(metadata, blob), may_miss=blob == "stable_memory")
    if metadata.wasm_chunk_store:
        require_directory(directory / CHUNK_STORE_NAME)
    for digest in metadata.wasm_chunk_store:
        _check_chunk(chunk_path(directory, digest), digest)
    if module_hash is not None and hash_file(blob_path(directory, "wasm_module"))[1] != module_hash:
        raise CorruptionError(
            f"{blob_path(directory, 'wasm_module')} is not the module that was installed",
            why=f"Its SHA-256 is not {module_hash.hex()}.",
        )
    return SnapshotDirectory(directory, metadata)


def _check_size(path: Path, size: int, *, may_miss: bool) -> None:
    # dfx writes no file for an empty stable memory
    if may_miss and size == 0 and not os.path.lexists(path):
        return
    descriptor = open_regular(path)
    found = os.fstat(descriptor).st_size
    os.close(descriptor)
    if found != size:
        raise CorruptionError(
            f"{path} has {found} bytes instead of {size}",
            why=f"{METADATA_NAME} states another size; uploading it would bring back another memory.",
        )


def _check_chunk(path: Path, digest: bytes) -> None:
    size = len(read_small(path, CHUNK_LIMIT_BYTES))
    if hash_file(path) != (size, digest):
        raise CorruptionError(f"{path} does not have the SHA-256 in its name")
