"""Stable memory: 64 KiB pages on the host side, undone page by page without copying the whole.

The committed content may lie elsewhere: then a page is read when it is first touched, and only a few are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

from quri_console.wasm.errors import StateMismatch
from quri_console.wasm.state import WASM_PAGE_BYTES

_ZERO_PAGE = bytes(WASM_PAGE_BYTES)
LARGEST_STABLE_PAGES = 500 * 1024**3 // WASM_PAGE_BYTES
"""500 GiB, the network's limit per canister."""
PAGES_KEPT = 256
"""How many pages that were read from elsewhere are kept in memory."""

PageReader = Callable[[int], "bytes | None"]
"""The content of a page, or None for one of zeroes; what it raises ends the message that touched the page."""


class StableMemory:
    """Pages that were never written cost nothing. Committed pages are shared between copies."""

    def __init__(self) -> None:
        self._pages: dict[int, bytes] = {}
        self._size_pages = 0
        self._written: dict[int, bytearray] = {}
        self._size_pages_before = 0
        self._reader: PageReader | None = None
        self._reader_pages = 0
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    @classmethod
    def over(cls, reader: PageReader, size_pages: int) -> StableMemory:
        """Stable memory whose committed content is read page by page, and only where it is touched."""
        memory = cls()
        memory._size_pages = memory._size_pages_before = memory._reader_pages = size_pages
        memory._reader = reader
        return memory

    @classmethod
    def of(cls, content: bytes) -> StableMemory:
        """Stable memory that holds `content`. Raises StateMismatch where that is not whole pages."""
        if len(content) % WASM_PAGE_BYTES:
            why = f"its stable memory of {len(content):,} bytes is not made of whole pages of 65,536"
            raise StateMismatch("The state does not fit its module", why=why)
        memory = cls()
        memory._size_pages = memory._size_pages_before = len(content) // WASM_PAGE_BYTES
        for page in range(memory._size_pages):
            piece = content[page * WASM_PAGE_BYTES : (page + 1) * WASM_PAGE_BYTES]
            if piece != _ZERO_PAGE:
                memory._pages[page] = piece
        return memory

    def copy(self) -> StableMemory:
        """An independent copy of the committed content."""
        twin = StableMemory()
        twin._pages = dict(self._pages)
        twin._size_pages = twin._size_pages_before = self._size_pages_before
        twin._reader, twin._reader_pages = self._reader, self._reader_pages
        return twin

    @property
    def size_pages(self) -> int:
        """Present size in pages of 65,536 bytes."""
        return self._size_pages

    @property
    def size_bytes(self) -> int:
        """Present size in bytes."""
        return self._size_pages * WASM_PAGE_BYTES

    def grow(self, pages: int, limit_pages: int = LARGEST_STABLE_PAGES) -> int:
        """Add zero pages; returns the size before, or -1 where that would pass the limit."""
        before = self._size_pages
        if before + pages > limit_pages:
            return -1
        self._size_pages = before + pages
        return before

    def read(self, offset: int, size: int) -> bytes:
        """A slice; raises IndexError beyond the end."""
        return b"".join(self.pieces(offset, size))

    def pieces(self, offset: int, size: int) -> Iterator[bytes | bytearray]:
        """A slice page by page, so that it is never in memory as a whole; raises IndexError beyond the end."""
        self._check(offset, size)
        return self._slices(offset, size)

    def write(self, offset: int, data: bytes) -> None:
        """Overwrite a slice; raises IndexError beyond the end."""
        self._check(offset, len(data))
        position = 0
        while position < len(data):
            page, start = divmod(offset + position, WASM_PAGE_BYTES)
            piece = data[position : position + WASM_PAGE_BYTES - start]
            self._writable(page)[start : start + len(piece)] = piece
            position += len(piece)

    def commit(self) -> None:
        """Keep what was written since the last commit or rollback."""
        for page, content in self._written.items():
            self._pages[page] = bytes(content)
        self._written.clear()
        self._size_pages_before = self._size_pages

    def roll_back(self) -> None:
        """Forget what was written since the last commit or rollback."""
        self._written.clear()
        self._size_pages = self._size_pages_before

    def _check(self, offset: int, size: int) -> None:
        if offset + size > self.size_bytes:
            raise IndexError(f"stable memory ends at {self.size_bytes}, not at {offset + size}")

    def _slices(self, offset: int, size: int) -> Iterator[bytes | bytearray]:
        stop = offset + size
        while offset < stop:
            page, start = divmod(offset, WASM_PAGE_BYTES)
            length = min(stop - offset, WASM_PAGE_BYTES - start)
            content: bytes | bytearray = self._written.get(page) or self._committed(page)
            yield content if length == WASM_PAGE_BYTES else content[start : start + length]
            offset += length

    def _writable(self, page: int) -> bytearray:
        content = self._written.get(page)
        if content is None:
            content = self._written[page] = bytearray(self._committed(page))
        return content

    def _committed(self, page: int) -> bytes:
        content = self._pages.get(page)
        if content is None and self._reader is not None and page < self._reader_pages:
            return self._read_page(page, self._reader)
        return _ZERO_PAGE if content is None else content

    def _read_page(self, page: int, reader: PageReader) -> bytes:
        content = self._kept.pop(page, None)
        if content is None:
            content = reader(page) or _ZERO_PAGE
        self._kept[page] = content
        if len(self._kept) > PAGES_KEPT:
            self._kept.popitem(last=False)
        return content
