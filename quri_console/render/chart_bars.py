"""Bars of block characters, as high as several lines; each line is one run of one colour."""

from __future__ import annotations

from collections.abc import Sequence

from quri_console.render.spark import BLOCKS

_FULL, _ASCII_FULL, _ASCII_PART, _ASCII_NOTHING = "█", "#", ".", "_"
BLANK = " "


def bars(values: Sequence[float | None], height: int, *, ascii_only: bool = False) -> tuple[str, ...]:
    """One cell wide bar per value, from zero, the highest value as high as `height` lines.

    None is blank, because nothing is known there; zero is the lowest mark.
    """
    most = max((value for value in values if value is not None), default=0.0)
    glyph = _ascii_glyph if ascii_only else _glyph
    return tuple(
        "".join(BLANK if value is None else glyph(_share(value, most, height) - row) for value in values)
        for row in range(height - 1, -1, -1)
    )


def _share(value: float, most: float, height: int) -> float:
    """How many lines high a bar is; at least the lowest mark."""
    return max(value / most * height if most > 0 else 0.0, 1 / len(BLOCKS))


def _glyph(above: float) -> str:
    """The cell of a bar that reaches `above` lines from its lower edge on."""
    if above >= 1:
        return _FULL
    return BLOCKS[min(round(above * len(BLOCKS)), len(BLOCKS)) - 1] if above * len(BLOCKS) >= 0.5 else BLANK


def _ascii_glyph(above: float) -> str:
    if above >= 0.5:
        return _ASCII_FULL
    if above > 1 / len(BLOCKS):
        return _ASCII_PART
    return _ASCII_NOTHING if above == 1 / len(BLOCKS) else BLANK
