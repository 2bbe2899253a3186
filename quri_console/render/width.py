"""How many cells of a terminal a text takes."""

from __future__ import annotations

import unicodedata
from functools import lru_cache


@lru_cache(maxsize=4096)
def cell_width(text: str) -> int:
    """Cells that a terminal gives to an escaped text: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """The text in exactly `width` cells: padded, or cut with `…` as its last character."""
    missing = width - cell_width(text)
    if missing < 0:
        text = cut_off(text, width - 1) + "…" if width > 0 else ""
        missing = width - cell_width(text)
    return " " * missing + text if right else text + " " * missing


def cut_off(text: str, width: int) -> str:
    """As much of the beginning as fits `width` cells."""
    taken = used = 0
    for character in text:
        used += _width(character)
        if used > width:
            break
        taken += 1
    return text[:taken]
