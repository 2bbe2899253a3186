"""A memory as one short string: each cell tells which share of its bytes changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.image.page_diff import page_map

if TYPE_CHECKING:
    from quri_console.image.page_diff import MemoryChange

SHADES = "░▒▓█"
ASCII_SHADES = "-=+#"
EQUAL = "·"
ASCII_EQUAL = "."
STRIP_WIDTH = 60


def page_strip(change: MemoryChange, width: int = STRIP_WIDTH, *, ascii_only: bool = False) -> str:
    """The larger memory in `width` cells; a cell with any changed byte is never drawn as equal."""
    shades, equal = (ASCII_SHADES, ASCII_EQUAL) if ascii_only else (SHADES, EQUAL)
    return "".join(_cell(share, shades, equal) for share in page_map(change, width))


def _cell(share: float, shades: str, equal: str) -> str:
    if share <= 0:
        return equal
    return shades[min(int(share * len(shades)), len(shades) - 1)]
