"""Text for terminals that draw ASCII only: each character becomes one of the same width."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from quri_console.render.width import cell_width

_BLOCKS = dict(zip("▁▂▃▄▅▆▇█", "_.:-=+*#", strict=True))
_LINES = {
    **dict.fromkeys("─━╌╍┄┅┈┉═╴╶╸╺▔", "-"),
    **dict.fromkeys("│┃╎╏┆┇┊┋║╵╷╹╻▏▕▎▍▌▐▊▉", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰╔╗╚╝╠╣╦╩╬┏┓┗┛┣┫┳┻╋", "+"),
}
_SIGNS = {
    **dict.fromkeys("–—‐‑−", "-"),
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("“”„«»", '"'),
    **dict.fromkeys("·•∙●◆■▪", "*"),
    **dict.fromkeys("○◇□▫", "o"),
    **dict.fromkeys("→▶▸►›", ">"),
    **dict.fromkeys("←◀◂‹", "<"),
    **dict.fromkeys("↑▲▴△", "^"),
    **dict.fromkeys("↓▼▾▽", "v"),
    **dict.fromkeys("░▒▓▀▄", "#"),
    "…": "~",
    "≈": "~",
    "×": "x",
    "≤": "<",
    "≥": ">",
    "±": "~",
    "Δ": "d",
    "✓": "y",
    "✔": "y",
    "✗": "x",
    "✘": "x",
    "⚠": "!",
    "°": "o",
    "µ": "u",
    "\u00a0": " ",
    "\u2800": " ",
}
_KNOWN = {**_LINES, **_SIGNS, **_BLOCKS}
_BRAILLE = range(0x2801, 0x2900)


def ascii_text(text: str) -> str:
    """`text` in ASCII, as wide as before; what has no likeness is a question mark for each of its cells."""
    return text if text.isascii() else "".join(map(_alike, text))


@lru_cache(maxsize=2048)
def _alike(character: str) -> str:
    if character.isascii():
        return character
    known = _KNOWN.get(character)
    if known is not None:
        return known
    width = cell_width(character)
    if ord(character) in _BRAILLE:
        return "*" * width
    plain = unicodedata.normalize("NFKD", character)[:1]
    return plain if plain.isascii() and plain.isprintable() and width == 1 else "?" * width
