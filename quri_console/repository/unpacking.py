"""The bytes of a packed file as a stream that never holds or gives more than was allowed."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from quri_console.errors import UsageError
from quri_console.repository.admission import SMALLER, RefusedImport

Packing = Literal["none", "gzip", "zstd"]

SUFFIXES: tuple[tuple[str, Packing], ...] = (
    (".tar", "none"),
    (".tar.gz", "gzip"),
    (".tgz", "gzip"),
    (".tar.zst", "zstd"),
)
ZSTD_WINDOW_BYTES = 8 << 20
"""What RFC 8878 asks every decoder to support; levels up to 19 stay within it."""
_READ_BYTES = 256 << 10
# one block of zstd is at least 4 bytes and at most 128 KiB unpacked: this many bytes in give at most 16 MiB out
_ZSTD_PIECE_BYTES = 512
_AS_MADE = "Copy the archive again from where it was made, and compare the two."


def packing_of(path: Path) -> Packing:
    """How the archive is packed, by the end of its name; UsageError for any other name."""
    for suffix, packing in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return packing
    raise UsageError(
        f"{path} is not an archive that can be imported",
        why=f"Its name ends with none of {', '.join(suffix for suffix, _ in SUFFIXES)}.",
        next_step="Give a folder or an archive of one of these kinds.",
    )


class UnpackedStream:
    """Reads an open packed file from its start to its end, once.

    Every method raises RefusedImport when the file is damaged, is followed by anything, or unpacks to more than
    `limit_bytes`; OSError when it cannot be read. Memory stays below 40 MiB whatever the file says.
    """

    def __init__(self, descriptor: int, packing: Packing, *, origin: str, limit_bytes: int) -> None:
        self._origin = origin
        self._limit_bytes = limit_bytes
        self._given_bytes = 0
        self._block = memoryview(b"")
        unpack = {"none": _packed_blocks, "gzip": self._gunzipped, "zstd": self._unzstd}[packing]
        self._blocks = unpack(descriptor)

    def some(self, at_most: int) -> memoryview:
        """The next bytes, at least one and at most `at_most`; nothing at the end of the file."""
        while not self._block:
            # a decoder may take input without giving anything yet, so an empty block is not the end
            block = next(self._blocks, None)
            if block is None:
                break
            self._given_bytes += len(block)
            if self._given_bytes > self._limit_bytes:
                why = f"It unpacks to more than the {self._limit_bytes} bytes that are allowed for its size."
                raise RefusedImport(f"{self._origin} is refused", why=why, next_step=SMALLER)
            self._block = memoryview(block)
        taken, self._block = self._block[:at_most], self._block[at_most:]
        return taken

    def exactly(self, size: int) -> bytes:
        """The next `size` bytes; RefusedImport when the file ends before."""
        parts = []
        while size > 0:
            part = self.some(size)
            if not part:
                raise self.damaged("It ends in the middle of an entry.")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def damaged(self, why: str) -> RefusedImport:
        """The error for an archive that is not what was once written."""
        return RefusedImport(f"{self._origin} is damaged", why=why, next_step=_AS_MADE)

    def _gunzipped(self, descriptor: int) -> Iterator[bytes]:
        inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        for block in _packed_blocks(descriptor):
            rest = block
            while rest:
                if inflater.eof:
                    raise self._followed()
                try:
                    yield inflater.decompress(rest, _READ_BYTES)
                except zlib.error as error:
                    raise self.damaged(f"It is no sound gzip file: {error}.") from error
                rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        if not inflater.eof:
            raise self.damaged("Its gzip data ends too early.")

    def _unzstd(self, descriptor: int) -> Iterator[bytes]:
        import zstandard

        decoder = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES).decompressobj()
        for block in _packed_blocks(descriptor):
            for start in range(0, len(block), _ZSTD_PIECE_BYTES):
                if decoder.eof:
                    raise self._followed()
                try:
                    yield decoder.decompress(block[start : start + _ZSTD_PIECE_BYTES])
                except zstandard.ZstdError as error:
                    raise self.damaged(f"It is no sound zstd file with a window of 8 MiB: {error}.") from error
        if not decoder.eof:
            raise self.damaged("Its zstd data ends too early.")
        if decoder.unused_data:
            raise self._followed()

    def _followed(self) -> RefusedImport:
        return self.damaged("Something follows the end of the packed data; only one archive alone is accepted.")


def _packed_blocks(descriptor: int) -> Iterator[bytes]:
    while block := os.read(descriptor, _READ_BYTES):
        yield block
