"""One file in memory for all committed heaps of this process, mapped copy-on-write (Linux)."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import threading
from functools import lru_cache

from quri_console.wasm.state import WASM_PAGE_BYTES

WINDOW_BYTES = 1 << 36
"""File offsets set aside for each heap; an untouched offset costs nothing."""

_MAP_FIXED = 0x10
_MAP_NORESERVE = 0x4000
_KEEP_SIZE_AND_PUNCH_HOLE = 0x01 | 0x02
_LARGEST_WRITE_BYTES = 1 << 30
_C = ctypes.CDLL(None, use_errno=True)


class SharedFile:
    """Windows of an unnamed file that lives in memory and vanishes with the process."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("quri-console-heaps")
        self._lock = threading.Lock()
        self._windows = 0
        self._free: list[int] = []

    @staticmethod
    @lru_cache(maxsize=1)
    def of_process(_process_id: int) -> SharedFile:
        """The file of this process; a forked child must not write into its parent's, hence the argument."""
        return SharedFile()

    def reserve(self) -> int:
        """The offset of a window that reads as zeroes."""
        with self._lock:
            if self._free:
                return self._free.pop()
            self._windows += 1
            os.ftruncate(self.descriptor, self._windows * WINDOW_BYTES)
            return (self._windows - 1) * WINDOW_BYTES

    def release(self, offset: int) -> None:
        """Give a window back, and its memory to the system."""
        _C.fallocate(
            self.descriptor,
            _KEEP_SIZE_AND_PUNCH_HOLE,
            ctypes.c_long(offset),
            ctypes.c_long(WINDOW_BYTES),
        )
        with self._lock:
            self._free.append(offset)

    def write(self, offset: int, address: int, size: int) -> None:
        """Copy `size` bytes at `address` to `offset`."""
        done = 0
        while done < size:
            piece = (ctypes.c_char * min(size - done, _LARGEST_WRITE_BYTES)).from_address(address + done)
            done += os.pwrite(self.descriptor, piece, offset + done)

    def write_bytes(self, offset: int, data: bytes) -> None:
        """Store bytes at `offset`."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self.descriptor, view[:_LARGEST_WRITE_BYTES], offset)
            view, offset = view[written:], offset + written


def map_privately(descriptor: int, offset: int, address: int, size: int) -> None:
    """Replace the pages at `address` by a copy-on-write view of the file. Raises OSError."""
    function = _C.mmap
    function.restype = ctypes.c_void_p
    result = function(
        ctypes.c_void_p(address),
        ctypes.c_size_t(size),
        mmap.PROT_READ | mmap.PROT_WRITE,
        mmap.MAP_PRIVATE | _MAP_FIXED | _MAP_NORESERVE,
        descriptor,
        ctypes.c_long(offset),
    )
    if result != address:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@lru_cache(maxsize=1)
def is_supported() -> bool:
    """Whether this system has files in memory and pages that divide a Wasm page."""
    if sys.platform != "linux" or sys.maxsize < 2**32 or WASM_PAGE_BYTES % mmap.PAGESIZE:
        return False
    try:
        os.close(os.memfd_create("quri-console-probe"))
    except OSError:
        return False
    return True
