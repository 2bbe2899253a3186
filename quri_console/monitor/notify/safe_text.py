"""Makes text from canisters, files and the network harmless before it leaves in a message, and cuts it to a limit."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

# controls, format characters (bidirectional, zero-width), surrogates, private and unassigned, line separators
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800") | {
    chr(code) for code in (*range(0xFE00, 0xFE10), *range(0x180B, 0x1810))
}
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_MAX_COMBINING = 4
ELLIPSIS = "…"


def safe(text: str) -> str:
    """`text` on one line, every control, bidirectional and invisible character spelt out."""
    if text.isascii() and text.isprintable():
        return text
    parts: list[str] = []
    combining = 0
    for character in text:
        combining = combining + 1 if unicodedata.combining(character) else 0
        parts.append(_spelt_out(character) if combining > _MAX_COMBINING or _unsafe(character) else character)
    return "".join(parts)


def safe_lines(text: str) -> str:
    """As `safe`, but line breaks stay."""
    return "\n".join(safe(line) for line in text.splitlines())


def units_of(text: str) -> int:
    """The length as receivers count that count in UTF-16; never less than the number of characters."""
    return len(text) + sum(character > "\uffff" for character in text)


def fit(text: str, limit: int, mark_up: Callable[[str], str] = str) -> str:
    """`text` with every character through `mark_up`, at most `limit` UTF-16 units; no replacement is cut in two."""
    if len(text) <= limit:
        whole = "".join(map(mark_up, text))
        if units_of(whole) <= limit:
            return whole
    parts: list[str] = []
    room = limit - len(ELLIPSIS)
    for character in text:
        piece = mark_up(character)
        room -= units_of(piece)
        if room < 0:
            break
        parts.append(piece)
    return "".join(parts) + ELLIPSIS


def _unsafe(character: str) -> bool:
    return (
        character in _INVISIBLE
        or unicodedata.category(character) in _UNSAFE_CATEGORIES
        or (character.isspace() and character != " ")
    )


def _spelt_out(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}"
