"""The words of Candid texts, well-formed or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.image.candid.tokens import (
    LARGEST_TEXT_BYTES,
    MOST_WORDS,
    Sort,
    UnusableInterface,
    number_value,
    tokens,
)


def words(source: str) -> list[tuple[Sort, str]]:
    return [token[:2] for token in tokens(source)[:-1]]


def test_names_numbers_texts_and_signs_are_told_apart() -> None:
    assert words('a_1 : 0x1_f, "b c" -> ;') == [
        (Sort.WORD, "a_1"),
        (Sort.SIGN, ":"),
        (Sort.NUMBER, "0x1_f"),
        (Sort.SIGN, ","),
        (Sort.TEXT, "b c"),
        (Sort.SIGN, "->"),
        (Sort.SIGN, ";"),
    ]


def test_comments_are_space_and_block_comments_nest() -> None:
    assert words("a // b\n/* c /* d */ // */ e /**/") == [(Sort.WORD, "a"), (Sort.WORD, "e")]


def test_the_end_is_a_word_of_its_own() -> None:
    assert [(token.sort, token.offset) for token in tokens("a ")] == [(Sort.WORD, 0), (Sort.END, 2)]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r'"a\"b\\c\'"', "a\"b\\c'"),
        (r'"\n\r\t"', "\n\r\t"),
        (r'"\c3\bc"', "ü"),
        (r'"\u{1F6_00}"', "\U0001f600"),
        ('"// no comment"', "// no comment"),
    ],
)
def test_escapes_in_quoted_names_are_resolved(source: str, text: str) -> None:
    assert words(source) == [(Sort.TEXT, text)]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("a\nb €", "line 2: '€' is not expected"),
        ("1a", "'1a' is not expected"),
        ('"open', "is not expected"),
        ("/* open /* */", "a comment does not end"),
        (r'"\q"', "escape"),
        (r'"\ff"', "not UTF-8"),
        (r'"\u{d800}"', "no Unicode character"),
        (r'"\u{110000}"', "no Unicode character"),
        (r'"\u{' + "1" * 5000 + '}"', "no Unicode character"),
        ("\ud800", "not Unicode text"),
        ("a" * LARGEST_TEXT_BYTES + "b", "bytes long"),
        ("{" * (MOST_WORDS + 1), "words"),
    ],
)
def test_what_is_no_candid_is_refused_with_the_reason(source: str, why: str) -> None:
    with pytest.raises(UnusableInterface, match=why):
        tokens(source)


def test_an_error_quotes_no_more_than_a_few_characters() -> None:
    with pytest.raises(UnusableInterface) as refusal:
        tokens("#" * 100_000)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(("text", "value"), [("1_000", 1000), ("0x1F", 31), ("0XfF", 255), ("9" * 5000, None)])
def test_numbers_are_decimal_or_hexadecimal(text: str, value: int | None) -> None:
    assert number_value(text) == value


@given(st.text())
def test_quoting_and_unquoting_gives_the_name_back(name: str) -> None:
    escaped = "".join(f"\\u{{{ord(character):x}}}" for character in name)
    assert words(f'"{escaped}"') == [(Sort.TEXT, name)]
