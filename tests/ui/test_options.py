"""Command line before configuration before terminal; and what that comes to for Textual."""

from __future__ import annotations

from pathlib import Path

import pytest

from quri_console.config.ui import UiConfig
from quri_console.ui.options import (
    ConsoleOptions,
    Manner,
    initial_environment,
    is_utf8,
    manner_of,
    textual_settings,
)
from quri_console.ui.theme_choice import suitable_theme

UTF8 = {"LANG": "C.UTF-8"}


def test_what_nobody_said_is_as_usual() -> None:
    assert manner_of(ConsoleOptions(), UiConfig(), UTF8) == Manner()


def test_the_configuration_goes_before_the_terminal_and_the_command_line_before_both(tmp_path: Path) -> None:
    config = UiConfig("a", tmp_path, mouse=True, low_bandwidth=True, ascii="always", time="local")
    assert manner_of(ConsoleOptions(), config, UTF8) == Manner(
        "a", tmp_path, low_bandwidth=True, ascii=True, mouse=True, zone="local"
    )
    options = ConsoleOptions("rune-engine", "alerts", "b", tmp_path / "x", False, False, False, "utc")
    assert manner_of(options, config, UTF8) == Manner(
        "b", tmp_path / "x", zone="utc", view="alerts", canister="rune-engine"
    )


@pytest.mark.parametrize(
    ("environment", "utf8"),
    [
        ({"LANG": "C.UTF-8"}, True),
        ({"LANG": "de_CH.utf8"}, True),
        ({"LANG": "en_US.UTF-8@euro"}, True),
        ({"LANG": "C"}, False),
        ({"LANG": "de_CH.ISO-8859-1"}, False),
        ({}, False),
        ({"LANG": "C.UTF-8", "LC_ALL": "POSIX"}, False),
        ({"LANG": "C", "LC_CTYPE": "UTF-8"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8", "LC_ALL": ""}, True),
    ],
)
def test_utf8_is_what_the_locale_says(environment: dict[str, str], utf8: bool) -> None:
    assert is_utf8(environment) is utf8
    assert manner_of(ConsoleOptions(), UiConfig(), environment).ascii is not utf8
    assert not manner_of(ConsoleOptions(), UiConfig(ascii="never"), environment).ascii


def test_what_python_set_for_itself_is_not_believed(tmp_path: Path) -> None:
    given = tmp_path / "environ"
    given.write_bytes(b"PATH=/bin\0LANG=C\0")
    assert initial_environment({"LC_CTYPE": "C.UTF-8"}, given)["LC_CTYPE"] == ""
    given.write_bytes(b"LC_CTYPE=C.UTF-8\0")
    assert initial_environment({"LC_CTYPE": "C.UTF-8"}, given)["LC_CTYPE"] == "C.UTF-8"
    for environment in ({"LC_CTYPE": "C.UTF-8", "LC_ALL": "C"}, {"LC_CTYPE": "de_CH.UTF-8"}, {}):
        assert initial_environment(environment, given) is environment
    coerced = {"LC_CTYPE": "C.UTF-8"}
    assert initial_environment(coerced, tmp_path / "gone") is coerced


def test_textual_is_told_before_it_is_imported() -> None:
    assert textual_settings(Manner(), {}) == {"TEXTUAL_ANIMATIONS": "none", "TEXTUAL_SMOOTH_SCROLL": "0"}
    assert textual_settings(Manner(), {"SSH_CONNECTION": "1 2 3 4"})["ESCDELAY"] == "250"
    slow = textual_settings(Manner(low_bandwidth=True), {"TEXTUAL_ANIMATIONS": "full"})
    assert slow == {"TEXTUAL_SMOOTH_SCROLL": "0", "TEXTUAL_FPS": "15", "ESCDELAY": "250"}


def test_a_slow_link_begins_with_the_terminals_own_colours() -> None:
    environment = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    assert suitable_theme(environment) == "quri-dark"
    assert suitable_theme(environment, few=True) == "quri-ansi-dark"
