"""Text from canisters, files and the network: which of its characters deceive, and how they are spelt out."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

# Cf holds bidirectional controls and most zero-width characters, Cc the terminal's
# controls; line and paragraph separators (Zl, Zp) break rows, the rest has no picture.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Invisible although their category says letter or mark
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800") | {
    chr(code) for code in (*range(0xFE00, 0xFE10), *range(0x180B, 0x1810), *range(0xE0100, 0xE01F0))
}
MAX_COMBINING = 4


def spell_out(text: str, short: Mapping[str, str]) -> str:
    """`text` on one line with every control, bidirectional and invisible character spelt out, as `short` says first.

    Stacked combining marks beyond four are spelt out too, because they draw over other rows.
    """
    if text.isascii() and text.isprintable():
        return text
    parts: list[str] = []
    combining = 0
    for character in text:
        combining = combining + 1 if unicodedata.combining(character) else 0
        unsafe = combining > MAX_COMBINING or _unsafe(character)
        parts.append(_spelt_out(character, short) if unsafe else character)
    return "".join(parts)


def _unsafe(character: str) -> bool:
    return (
        character in _INVISIBLE
        or unicodedata.category(character) in _UNSAFE_CATEGORIES
        or (character.isspace() and character != " ")
    )


def _spelt_out(character: str, short: Mapping[str, str]) -> str:
    if character in short:
        return short[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}"
