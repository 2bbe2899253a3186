"""Makes untrusted text harmless and its tricks visible before it reaches a terminal or a log."""

from __future__ import annotations

import unicodedata

# Cf holds bidirectional controls and most zero-width characters, Cc the terminal's
# controls; line and paragraph separators (Zl, Zp) break rows, the rest has no picture.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Invisible although their category says letter or mark
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800") | {
    chr(code) for code in (*range(0xFE00, 0xFE10), *range(0x180B, 0x1810), *range(0xE0100, 0xE01F0))
}
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e"}
MAX_COMBINING = 4


def escape(text: str, *, limit: int | None = None) -> str:
    """`text` on one line, every control, bidirectional and invisible character spelt out, at most `limit` characters.

    Stacked combining marks beyond four are spelt out too, because they draw over other rows.
    """
    if text.isascii() and text.isprintable():
        return _shortened(text, limit)
    parts: list[str] = []
    combining = 0
    for character in text if limit is None else text[: limit + 1]:
        combining = combining + 1 if unicodedata.combining(character) else 0
        parts.append(_spelt_out(character) if _unsafe(character, combining) else character)
    return _shortened("".join(parts), limit)


def escape_lines(text: str) -> list[str]:
    """The lines of a longer text, each escaped by itself."""
    return [escape(line) for line in text.split("\n")]


def _unsafe(character: str, combining: int) -> bool:
    return (
        combining > MAX_COMBINING
        or character in _INVISIBLE
        or unicodedata.category(character) in _UNSAFE_CATEGORIES
        or (character.isspace() and character != " ")
    )


def _spelt_out(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}"


def _shortened(text: str, limit: int | None) -> str:
    return text if limit is None or len(text) <= limit else text[: max(limit - 1, 0)] + "…"
