"""Which bytes of a canister's memory differ, told from the names of its chunks and never from the chunks."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import ne
from typing import NamedTuple

from quri_console.units import WASM_PAGE_BYTES

_RUN = re.compile(rb"\x01+")


class ByteRange(NamedTuple):
    """The bytes from `start` up to but without `end`; a tuple, because a memory can hold a million ranges."""

    start: int
    end: int

    @property
    def size_bytes(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class ChunkMap:
    """A memory cut into chunks of one size, the last of which may be shorter.

    An id names a chunk's content, so that equal ids mean equal bytes; every chunk of zeros, and no other, is `None`.
    Two maps can be compared when their ids come from the same naming (the same repository). Raises ValueError when
    the number of ids is not that of the chunks.
    """

    chunk_bytes: int
    total_bytes: int
    ids: Sequence[bytes | None]

    def __post_init__(self) -> None:
        if self.chunk_bytes <= 0 or self.total_bytes < 0:
            raise ValueError("a memory is cut into chunks of at least one byte")
        if len(self.ids) != -(-self.total_bytes // self.chunk_bytes):
            raise ValueError(f"{self.total_bytes} bytes in chunks of {self.chunk_bytes} are not {len(self.ids)} chunks")


@dataclass(frozen=True, slots=True)
class MemoryChange:
    """How one memory differs from another, to the chunk: a chunk with one changed byte counts as changed."""

    left_bytes: int
    right_bytes: int
    changed: tuple[ByteRange, ...]
    """In rising order, never touching each other; bytes that only one side has are changed."""
    changed_bytes: int
    changed_pages: int
    """Wasm pages (64 KiB) with at least one changed byte."""
    pages_total: int
    """Of the larger side."""
    unknown_bytes: int
    """Bytes of which the ids cannot tell whether they changed; none of them is in `changed`."""

    @property
    def exact(self) -> bool:
        """Whether every byte was compared. Else `changed` is the least that changed."""
        return self.unknown_bytes == 0

    @property
    def total_bytes(self) -> int:
        """Of the larger side."""
        return max(self.left_bytes, self.right_bytes)


def compare_memory(left: ChunkMap, right: ChunkMap) -> MemoryChange:
    """The bytes that differ between two memories.

    Maps of different chunk sizes are compared by size alone, all common bytes being unknown. Where the shorter memory
    ends within a chunk, the bytes before its end are unknown, unless zeros on a side decide.
    """
    common = min(left.total_bytes, right.total_bytes)
    changed: list[ByteRange] = []
    if left.chunk_bytes != right.chunk_bytes:
        unknown = common
    else:
        whole = len(left.ids) if left.total_bytes == right.total_bytes else common // left.chunk_bytes
        changed.extend(_differing(left, right, whole))
        unknown = _compare_split_chunk(left, right, changed)
    _append(changed, ByteRange(common, max(left.total_bytes, right.total_bytes)))
    return MemoryChange(
        left_bytes=left.total_bytes,
        right_bytes=right.total_bytes,
        changed=tuple(changed),
        changed_bytes=sum(end - start for start, end in changed),
        changed_pages=_touched_pages(changed),
        pages_total=-(-max(left.total_bytes, right.total_bytes) // WASM_PAGE_BYTES),
        unknown_bytes=unknown,
    )


def page_map(change: MemoryChange, width: int) -> tuple[float, ...]:
    """The larger memory in `width` equal cells, each the share (0 to 1) of its bytes that changed."""
    if width < 1:
        raise ValueError("a map has at least one cell")
    total = change.total_bytes
    filled = [0] * width
    for start, end in change.changed:
        cell, position = ((start + 1) * width - 1) // total, start
        while position < end:
            stop = min(end, (cell + 1) * total // width)
            filled[cell] += stop - position
            cell, position = cell + 1, stop
    sizes = [(cell + 1) * total // width - cell * total // width for cell in range(width)]
    return tuple(share / size if size else 0.0 for share, size in zip(filled, sizes, strict=True))


def largest(change: MemoryChange, number: int) -> tuple[ByteRange, ...]:
    """The `number` largest changed ranges, largest first, of equal ones the lower first."""
    return tuple(heapq.nsmallest(number, change.changed, key=lambda part: (-part.size_bytes, part.start)))


def _differing(left: ChunkMap, right: ChunkMap, chunks: int) -> Iterator[ByteRange]:
    """The runs of differing chunks among the first ones; both memories hold those chunks in the same length."""
    size = left.chunk_bytes
    # compared and searched within C: Python sees only the runs
    differs = bytes(map(ne, left.ids, right.ids))
    for run in _RUN.finditer(differs, 0, chunks):
        yield ByteRange(run.start() * size, min(run.end() * size, left.total_bytes))


def _compare_split_chunk(left: ChunkMap, right: ChunkMap, changed: list[ByteRange]) -> int:
    """Add what is known of the chunk within which only the shorter memory ends; the number of its unknown bytes."""
    shorter, longer = sorted((left, right), key=lambda side: side.total_bytes)
    index, rest = divmod(shorter.total_bytes, shorter.chunk_bytes)
    if not rest or shorter.total_bytes == longer.total_bytes:
        return 0
    if longer.ids[index] is not None:
        return rest
    if shorter.ids[index] is not None:
        _append(changed, ByteRange(shorter.total_bytes - rest, shorter.total_bytes))
    return 0


def _append(ranges: list[ByteRange], part: ByteRange) -> None:
    """Add a range that lies behind the others; one that touches the last becomes part of it."""
    if part.start == part.end:
        return
    if ranges and ranges[-1].end == part.start:
        part = ByteRange(ranges.pop().start, part.end)
    ranges.append(part)


def _touched_pages(ranges: Iterable[ByteRange]) -> int:
    """Several ranges within one page touch one page."""
    touched = following = 0
    for start, end in ranges:
        first = start // WASM_PAGE_BYTES
        touched -= first < following
        following = -(-end // WASM_PAGE_BYTES)
        touched += following - first
    return touched
