"""Lines wrap between words, under their own beginning, and lose nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.render.spans import Span, plain, wrap_lines


@pytest.mark.parametrize(
    ("text", "wrapped"),
    [
        ("short", ["short"]),
        ("", [""]),
        ("  • every word of this stays", ["  • every word of", "    this stays"]),
        ("  2. every word of this stays", ["  2. every word of", "     this stays"]),
        ("  ok    every word of it", ["  ok    every word", "        of it"]),
        ("  from  a backup of last week", ["  from  a backup of", "        last week"]),
        ("a-word-that-is-longer-than-the-line", ["a-word-that-is-longe", "r-than-the-line"]),
    ],
)
def test_lines_wrap_under_their_own_beginning(text: str, wrapped: list[str]) -> None:
    assert [plain(line) for line in wrap_lines([(Span(text),)], 20)] == wrapped


def test_roles_survive_a_break_inside_their_span() -> None:
    lines = wrap_lines([(Span("one "), Span("two three", "muted"))], 10)
    assert lines == ((Span("one "), Span("two", "muted")), (Span("three", "muted"),))


WORDS = st.lists(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=40), max_size=12)


@given(words=WORDS, indent=st.integers(0, 6), width=st.integers(10, 60))
def test_nothing_is_lost_and_nothing_is_too_long(words: list[str], indent: int, width: int) -> None:
    text = " " * indent + " ".join(words)
    pieces = [plain(line) for line in wrap_lines([(Span(text),)], width)]
    assert all(len(piece) <= width for piece in pieces)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")
