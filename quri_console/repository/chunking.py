"""Fixed, aligned chunks: sizes by class of blob, and what is all zero.

All sizes divide 30 Wasm pages (1,966,080 bytes), the largest page-aligned slice that the network serves, so one
slice is whole chunks. Memory is updated in place, so boundaries never shift and content-defined chunking gains
nothing (DESIGN §5).
"""

from __future__ import annotations

from functools import cache

from quri_console.units import GIB, KIB

TRANSFER_BYTES = 30 * 64 * KIB
CHUNK_CLASSES: tuple[tuple[int, int], ...] = ((2 * GIB, 16 * KIB), (64 * GIB, 64 * KIB), (1 << 62, 320 * KIB))
"""(largest blob in bytes, chunk in bytes), smallest first."""


def chunk_bytes_for(blob_bytes: int) -> int:
    """The chunk size of a blob that is stored for the first time; its later backups keep it while they can."""
    return next(chunk for limit, chunk in CHUNK_CLASSES if blob_bytes <= limit)


@cache
def zeros(size: int) -> bytes:
    """`size` zero bytes, made once."""
    return bytes(size)


def is_zero(data: bytes | memoryview) -> bool:
    """Whether all bytes are zero."""
    # comparing two bytes objects is a memcmp; the first block settles nearly everything that is not zero
    size = len(data)
    return bytes(data[:64]) == zeros(min(64, size)) and bytes(data) == zeros(size)
