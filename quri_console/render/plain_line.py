"""Lines for screen readers and braille: ASCII, no colours, what matters first, signs as words."""

from __future__ import annotations

from quri_console.render.ascii_text import ascii_text
from quri_console.render.escape import escape

_WORDS = (
    ("≈ ", "about "),
    ("≈", "about "),
    (" · ", ", "),
    (" → ", " to "),
    ("→", " to "),
    ("±", "plus or minus "),
    ("×", " times "),
    ("≤ ", "at most "),
    ("≥ ", "at least "),
    ("…", "..."),
    (" – ", ", "),
    ("–", " to "),
)


def plain_text(text: str) -> str:
    """One line of ASCII that can be read aloud; everything that could deceive is spelt out."""
    shown = escape(text)
    for sign, words in _WORDS:
        shown = shown.replace(sign, words)
    return ascii_text(shown)


def plain_notice(text: str, level: str, at: str) -> str:
    """What changed, how bad it is first where it is bad, and last when: `critical: registry: stopped; 02:00:07 UTC`."""
    begin = "" if level == "ok" else f"{level}: "
    return f"{begin}{plain_text(text)}; {at}"
