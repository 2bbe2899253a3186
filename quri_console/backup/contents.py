"""What a stored canister consists of, as an operator names it: its records, and its blobs as icp names its files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from quri_console.backup.interchange import BLOBS
from quri_console.backup.snapshot_record import CHUNK_STORE_BLOB, chunk_span
from quri_console.errors import UsageError
from quri_console.repository.files import create_private, storage_errors, write_all

if TYPE_CHECKING:
    from quri_console.backup.browse import StoredCanister
    from quri_console.backup.state import StoredState

BLOCK_BYTES = 30 * 64 << 10
_TEXT_SUFFIXES = (".toml", ".did", ".txt")
ContentKind = Literal["text", "binary"]


@dataclass(frozen=True, slots=True)
class ContentFile:
    """One file of a stored canister; `size` in bytes, as it reads."""

    name: str
    kind: ContentKind
    size: int
    _read: Callable[[int, int], bytes] = field(repr=False, compare=False)

    def blocks(self, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
        """The bytes from `offset` on, at most `size` of them, a block at a time; every chunk compared with its name.

        Raises CorruptionError, ChunkMissing, WrongKey, StorageFailed.
        """
        end = self.size if size is None else min(self.size, offset + size)
        while offset < end:
            length = min(BLOCK_BYTES, end - offset)
            yield self._read(offset, length)
            offset += length


def content_files(stored: StoredCanister) -> tuple[ContentFile, ...]:
    """Every file: records by name, then the blobs. Raises CorruptionError, WrongKey."""
    return (*_records(stored), *(() if stored.state is None else _blobs(stored.state)))


def content_file(stored: StoredCanister, name: str) -> ContentFile:
    """The file of this name. Raises UsageError naming what there is, CorruptionError, WrongKey."""
    found = content_files(stored)
    for file in found:
        if file.name == name:
            return file
    raise UsageError(
        f"{stored.label} has no file {name}",
        why=f"It has {', '.join(file.name for file in found)}.",
        next_step=f"`quri-console ls {stored.label}` shows them with their sizes.",
    )


def save_content(file: ContentFile, path: Path, offset: int = 0, size: int | None = None) -> int:
    """Write the bytes of a file, or a range of them, into the new private file `path`; how many there were.

    On a failure nothing is left there. Raises UsageError where something is there already, and as `blocks`, DiskFull.
    """
    with storage_errors(f"write {path.name}", path):
        try:
            descriptor = create_private(path)
        except FileExistsError as error:
            raise UsageError(f"{path} is there already", next_step="Move it away, or name another file.") from error
        written = 0
        try:
            for block in file.blocks(offset, size):
                write_all(descriptor, block, written)
                written += len(block)
            os.fsync(descriptor)
        except BaseException:
            path.unlink()
            raise
        finally:
            os.close(descriptor)
    return written


def _records(stored: StoredCanister) -> Iterator[ContentFile]:
    for file in stored.manifest.raw.files_of(stored.entry.folder):
        if file.is_chunk_list:
            continue
        name = file.path.removeprefix(f"{stored.entry.folder}/")
        kind: ContentKind = "text" if name.endswith(_TEXT_SUFFIXES) else "binary"
        record = _Record(stored, name)
        yield ContentFile(name, kind, len(record.data) if stored.repository.encrypted else file.size, record.read)


@dataclass(frozen=True)
class _Record:
    """A record, read when it is first needed; it is compared and decrypted as a whole."""

    stored: StoredCanister
    name: str

    @cached_property
    def data(self) -> bytes:
        return self.stored.record(self.name) or b""

    def read(self, offset: int, size: int) -> bytes:
        return self.data[offset : offset + size]


def _blobs(state: StoredState) -> Iterator[ContentFile]:
    for blob in BLOBS:
        yield ContentFile(f"{blob}.bin", "binary", state.blob(blob).size, state.blob(blob).read)
    for position, digest in enumerate(state.metadata.wasm_chunk_store):
        start, size = chunk_span(state.chunk_sizes, position)
        name = f"{CHUNK_STORE_BLOB}/{digest.hex()}.bin"
        yield ContentFile(name, "binary", size, partial(_shifted, state.blob(CHUNK_STORE_BLOB).read, start))


def _shifted(read: Callable[[int, int], bytes], start: int, offset: int, size: int) -> bytes:
    return read(start + offset, size)
