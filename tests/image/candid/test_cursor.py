"""A cursor steps over exactly what was asked for, and says where something else stands."""

from __future__ import annotations

import pytest

from quri_console.image.candid.cursor import Cursor
from quri_console.image.candid.tokens import UnusableInterface


def test_signs_and_keywords_in_quotes_are_names() -> None:
    cursor = Cursor.over('"{" "type"')
    assert not cursor.accept("{")
    assert cursor.name().text == "{"
    assert not cursor.accept_keyword("type")
    assert cursor.name().text == "type"
    assert cursor.at_end


def test_a_label_is_a_word_before_a_colon() -> None:
    cursor = Cursor.over('a : "b" c')
    assert cursor.at_label
    cursor.take()
    assert not cursor.at_label
    cursor.expect(":")
    assert not cursor.at_label


def test_the_end_is_never_passed() -> None:
    cursor = Cursor.over("a")
    cursor.take()
    assert cursor.take() is cursor.take()
    assert not cursor.at_label


def test_the_last_member_of_a_list_needs_no_separator() -> None:
    cursor = Cursor.over("; )")
    cursor.separate(";", ")")
    cursor.separate(";", ")")
    assert cursor.accept(")")


def test_what_is_missing_is_named_with_its_line() -> None:
    cursor = Cursor.over("\n\nvec")
    with pytest.raises(UnusableInterface, match="line 3: ';' is missing before 'vec'"):
        cursor.separate(";", ")")
    with pytest.raises(UnusableInterface, match="line 3: 'vec' stands where the name of a type should"):
        cursor.name()
