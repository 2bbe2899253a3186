"""Nothing that reaches a terminal through `escape` can move, recolour, reorder or hide anything."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.render.escape import escape, escape_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rune-engine", "rune-engine"),
        ("größe 猫 ≈", "größe 猫 ≈"),
        ("\x1b[2J\x1b]0;owned\x07", "\\e[2J\\e]0;owned\\x07"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("safe\u202egnp.exe", "safe\\u{202e}gnp.exe"),
        ("zero\u200bwidth\ufeff", "zero\\u{200b}width\\u{feff}"),
        ("\x9b31m", "\\x9b31m"),
        ("line\u2028sep", "line\\u{2028}sep"),
        ("hangul\u3164filler", "hangul\\u{3164}filler"),
        ("tag\U000e0041", "tag\\u{e0041}"),
        ("lone\udc80surrogate", "lone\\u{dc80}surrogate"),
        ("wide\u00a0space", "wide\\xa0space"),
        ("é e\u0301", "é e\u0301"),
    ],
)
def test_tricks_become_visible(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_stacked_marks_stop_after_four() -> None:
    shown = escape("a" + "\u0301" * 50)
    assert shown.startswith("a" + "\u0301" * 4 + "\\u{301}")


@given(st.text())
def test_what_comes_out_is_one_printable_line(text: str) -> None:
    shown = escape(text)
    assert all(character.isprintable() for character in shown)
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert escape(shown) == shown


@given(st.text(), st.integers(1, 20))
def test_a_limit_is_kept(text: str, limit: int) -> None:
    shown = escape(text, limit=limit)
    assert len(shown) <= limit
    assert shown == escape(text) or shown.endswith("…")


def test_lines_are_kept_apart() -> None:
    assert escape_lines("a\x1b\nb") == ["a\\e", "b"]
