"""The committed content of a canister's Wasm memory, from which an undone execution is put back.

A live memory cannot shrink: where an undone execution had grown it, the
instance is replaced by a fresh one of the committed size.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Iterable
from typing import Protocol

from quri_console.wasm.shared_file import SharedFile, is_supported, map_privately


class CommittedHeap(Protocol):
    """The memory as of the last commit."""

    def __len__(self) -> int:
        """Its size in bytes."""

    def keep(self, address: int, size: int) -> None:
        """Take over what lies at `address`."""

    def fill(self, size: int, slices: Iterable[tuple[int, bytes]]) -> None:
        """On a new heap: take over these bytes at these offsets; the rest of `size` bytes is zero."""

    def put_back(self, address: int) -> None:
        """Make the memory at `address`, of this heap's size, hold the committed content again."""


class CopiedHeap:
    """A plain copy: works everywhere; costs time in proportion to the heap for each undone execution."""

    def __init__(self) -> None:
        self._copy = bytearray()

    def __len__(self) -> int:
        return len(self._copy)

    def keep(self, address: int, size: int) -> None:
        if size != len(self._copy):
            self._copy = bytearray(size)
        if size:
            ctypes.memmove(self._address, address, size)

    def fill(self, size: int, slices: Iterable[tuple[int, bytes]]) -> None:
        self._copy = bytearray(size)
        for offset, data in slices:
            self._copy[offset : offset + len(data)] = data

    def put_back(self, address: int) -> None:
        if self._copy:
            ctypes.memmove(address, self._address, len(self._copy))

    @property
    def _address(self) -> int:
        return ctypes.addressof(ctypes.c_char.from_buffer(self._copy))


class MappedHeap:
    """A part of a file in memory, mapped copy-on-write under the live memory.

    Putting back is one system call: pages that were written to are dropped,
    pages that are never touched again are never read.
    """

    def __init__(self, file: SharedFile) -> None:
        self._file = file
        self._offset = file.reserve()
        self._size = 0
        weakref.finalize(self, file.release, self._offset).atexit = False

    def __len__(self) -> int:
        return self._size

    def keep(self, address: int, size: int) -> None:
        self._file.write(self._offset, address, size)
        self._size = size

    def fill(self, size: int, slices: Iterable[tuple[int, bytes]]) -> None:
        for offset, data in slices:
            self._file.write_bytes(self._offset + offset, data)
        self._size = size

    def put_back(self, address: int) -> None:
        if self._size:
            map_privately(self._file.descriptor, self._offset, address, self._size)


def new_heap() -> CommittedHeap:
    """The cheapest kind that this system supports."""
    return MappedHeap(SharedFile.of_process(os.getpid())) if is_supported() else CopiedHeap()
