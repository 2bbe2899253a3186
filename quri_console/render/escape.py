"""Makes untrusted text harmless and its tricks visible before it reaches a terminal or a log."""

from __future__ import annotations

from quri_console.untrusted import spell_out

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e"}


def escape(text: str, *, limit: int | None = None) -> str:
    """`text` on one line, every control, bidirectional and invisible character spelt out, at most `limit` characters.

    Stacked combining marks beyond four are spelt out too, because they draw over other rows.
    """
    return _shortened(spell_out(text if limit is None else text[: limit + 1], _SHORT), limit)


def escape_lines(text: str) -> list[str]:
    """The lines of a longer text, each escaped by itself."""
    return [escape(line) for line in text.split("\n")]


def _shortened(text: str, limit: int | None) -> str:
    return text if limit is None or len(text) <= limit else text[: max(limit - 1, 0)] + "…"
