"""A memory as one short string: each cell tells which share of its bytes changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.image.page_diff import page_map
from quri_console.units import WASM_PAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quri_console.image.page_diff import MemoryChange

SHADES = "░▒▓█"
ASCII_SHADES = "-=+#"
EQUAL = "·"
ASCII_EQUAL = "."
STRIP_WIDTH = 60
PAGES_A_ROW = 64


def page_strip(change: MemoryChange, width: int = STRIP_WIDTH, *, ascii_only: bool = False) -> str:
    """The larger memory in `width` cells; a cell with any changed byte is never drawn as equal."""
    shades, equal = (ASCII_SHADES, ASCII_EQUAL) if ascii_only else (SHADES, EQUAL)
    return "".join(_cell(share, shades, equal) for share in page_map(change, width))


def page_rows(change: MemoryChange, most: int, *, ascii_only: bool = False) -> Iterator[tuple[int, str]]:
    """The magnifier: rows of 64 pages, a cell each, with the number of their first page; only rows with a change.

    The first `most` of them: a memory has up to millions of pages.
    """
    shades, equal = (ASCII_SHADES, ASCII_EQUAL) if ascii_only else (SHADES, EQUAL)
    rows: dict[int, list[int]] = {}
    for page, changed in _changed_pages(change):
        row, column = divmod(page, PAGES_A_ROW)
        if row not in rows:
            if len(rows) == most:
                break
            rows[row] = [0] * min(PAGES_A_ROW, change.pages_total - row * PAGES_A_ROW)
        rows[row][column] += changed
    for row, cells in rows.items():
        yield row * PAGES_A_ROW, "".join(_cell(filled / WASM_PAGE_BYTES, shades, equal) for filled in cells)


def _changed_pages(change: MemoryChange) -> Iterator[tuple[int, int]]:
    """Each touched page of each changed range, in rising order, and how many of its bytes that changed."""
    for start, end in change.changed:
        for page in range(start // WASM_PAGE_BYTES, (end - 1) // WASM_PAGE_BYTES + 1):
            yield page, min(end, (page + 1) * WASM_PAGE_BYTES) - max(start, page * WASM_PAGE_BYTES)


def _cell(share: float, shades: str, equal: str) -> str:
    if share <= 0:
        return equal
    return shades[min(int(share * len(shades)), len(shades) - 1)]
