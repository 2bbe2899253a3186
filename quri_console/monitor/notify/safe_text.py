"""Makes text from canisters, files and the network harmless before it leaves in a message, and cuts it to a limit."""

from __future__ import annotations

from collections.abc import Callable

from quri_console.untrusted import spell_out

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
ELLIPSIS = "…"


def safe(text: str) -> str:
    """`text` on one line, every control, bidirectional and invisible character spelt out."""
    return spell_out(text, _SHORT)


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
