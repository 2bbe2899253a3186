"""What is drawn where only ASCII can be."""

from __future__ import annotations

import pytest

from quri_console.render.ascii_text import ascii_text
from quri_console.render.width import cell_width


@pytest.mark.parametrize(
    ("text", "ascii"),
    [
        ("plain", "plain"),
        ("▁▂▃▄▅▆▇█", "_.:-=+*#"),
        ("┌─┐│└┘", "+-+|++"),
        ("≈ 12 B · 3 × … – ↑↓", "~ 12 B * 3 x ~ - ^v"),
        ("Zürich", "Zurich"),
        ("漢字", "????"),
        ("⠿⠀", "* "),
        ("𝕏", "X"),
        ("€", "?"),
    ],
)
def test_each_character_has_a_likeness_of_its_width(text: str, ascii: str) -> None:  # noqa: A002 - the case's word
    assert ascii_text(text) == ascii
    assert cell_width(ascii_text(text)) == cell_width(text)


def test_no_character_escapes() -> None:
    for start in range(0x20, 0x30000, 0x100):
        text = "".join(chr(code) for code in range(start, start + 0x100) if not 0xD800 <= code < 0xE000)
        assert ascii_text(text).isascii()
