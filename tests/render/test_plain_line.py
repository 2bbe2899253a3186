from __future__ import annotations

import pytest

from quri_console.render.plain_line import plain_notice, plain_text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("frozen in ≈ 3 d", "frozen in about 3 d"),
        ("1 warning · polled", "1 warning, polled"),
        ("running → stopped", "running to stopped"),
        ("5–7 d", "5 to 7 d"),
        ("evil\x1b[2J\u202e", "evil\\e[2J\\u{202e}"),
        ("Zürich 漢", "Zurich ??"),
    ],
)
def test_signs_become_words_and_nothing_but_ascii_is_left(text: str, plain: str) -> None:
    assert plain_text(text) == plain
    assert plain.isascii()


def test_what_is_bad_comes_first_and_the_time_last() -> None:
    assert plain_notice("registry: stopped", "critical", "02:00:07 UTC") == "critical: registry: stopped; 02:00:07 UTC"
    assert plain_notice("the watch has ended", "ok", "02:00:07 UTC") == "the watch has ended; 02:00:07 UTC"
