"""The runbook itself: every page is there, says what it must, and the right one fits an alert."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from quri_console.cli.command_reference import command_reference
from quri_console.cli.main import COMMANDS, cli
from quri_console.errors import UsageError
from quri_console.monitor.rules import Rule
from quri_console.report.runbook import FIRST, ORDER, read_runbook, section_for
from quri_console.report.runbook_text import section_lines

NO_DISASTERS = {"backup", "recovery", "contacts", "troubleshooting", "good-practice", "calendar", "commands"}
DISASTERS = tuple(name for name in ORDER if name not in NO_DISASTERS)


def test_the_program_has_exactly_the_pages_of_its_order() -> None:
    assert tuple(section.name for section in read_runbook(None).sections) == ORDER


@pytest.mark.parametrize("name", [name for name in DISASTERS if name != FIRST])
def test_a_disaster_says_what_to_see_what_to_do_and_when_to_stop_and_call(name: str) -> None:
    text = read_runbook(None).section(name).text
    assert "## What you see" in text
    assert any(word in text for word in ("## Do this", "## First", "## Stolen: first of all"))
    assert "## Stop and call" in text


@pytest.mark.parametrize("rule", get_args(Rule))
def test_every_alert_has_a_page(rule: str) -> None:
    assert section_for(rule) in ORDER


def test_an_unknown_alert_opens_where_to_start() -> None:
    assert section_for("a-rule-of-tomorrow") == FIRST


@pytest.mark.parametrize("name", ORDER)
def test_pages_name_only_pages_that_there_are(name: str) -> None:
    text = read_runbook(None).section(name).text
    lists = re.findall(r"\b[Pp]ages?\s((?:`[a-z-]+`(?:, | and )?)+)", text)
    named = re.findall(r"`([a-z-]+)`", " ".join(lists)) + re.findall(r"quri-console docs ([a-z-]+)", text)
    assert {name for name in named if not name.startswith("-")} <= set(ORDER)


@pytest.mark.parametrize("name", ORDER)
def test_commands_in_running_text_are_those_that_there_are(name: str) -> None:
    text = read_runbook(None).section(name).text
    verbs = re.findall(r"`quri-console ([a-z]+)", text)
    assert set(verbs) <= set(COMMANDS)


@pytest.mark.parametrize("name", ORDER)
@pytest.mark.parametrize("width", [40, 80])
def test_a_page_fits_the_width_but_for_commands_and_long_words(name: str, width: int) -> None:
    for line in section_lines(read_runbook(None).section(name).text, width):
        if line.kind == "text" and " " in line.text.strip(" •0123456789."):
            words = max(map(len, line.text.split()))
            assert len(line.text) <= max(width, words + 8)
        if line.kind == "command" and width == 80:
            assert len(line.text) <= 100


def test_the_reference_has_every_command_and_subcommand() -> None:
    text = command_reference(cli)
    headings = set(re.findall(r"^## quri-console (.+)$", text, re.MULTILINE))
    assert set(COMMANDS) <= headings
    assert {"alerts ack", "operations resume", "key rotate", "repair packs", "lockdown on"} <= headings
    assert "`--max-cycles CYCLES`" in text


def test_terminal_text_hides_comments_and_keeps_commands_whole() -> None:
    text = "# T\n<!-- scene: x -->\n\n\n```sh\nquri-console status --live\n```\n\n- **one**\n  two\n1. three\n\x1b[31m"
    lines = [(line.kind, line.text) for line in section_lines(text, 40)]
    assert lines == [
        ("heading", "T"),
        ("empty", ""),
        ("command", "    quri-console status --live"),
        ("empty", ""),
        ("text", "• one two"),
        ("text", "1. three \\x1b[31m"),
    ]


def test_a_section_is_found_by_how_its_name_begins_and_others_are_refused() -> None:
    runbook = read_runbook(None)
    assert runbook.section("froz").name == "frozen"
    with pytest.raises(UsageError) as refused:
        runbook.section("frosen")
    assert "'frozen'" in refused.value.next_step
    with pytest.raises(UsageError) as several:
        runbook.section("d")
    assert "data-corruption, deleted, damaged-repository" in several.value.next_step


def test_a_folder_of_the_configuration_adds_and_overrides(tmp_path: Path) -> None:
    from quri_console.config import load_config

    own = tmp_path / "own"
    own.mkdir()
    (own / "frozen.md").write_text("# Ours\n\nCall Eva.\n")
    (own / "treasury.md").write_text("# Treasury\n")
    config = tmp_path / "config.toml"
    config.write_text(
        '[networks.local]\nurl = "http://127.0.0.1:4943"\n[ui]\nrunbook_dir = "own"\n'
        '[contacts]\non-call = "+41 44 000 00 00"\n"Backend team" = "#quri-ops"\n'
    )
    runbook = read_runbook(load_config(config))
    assert runbook.section("frozen").text == "# Ours\n\nCall Eva.\n"
    assert runbook.section("frozen").origin == str(own / "frozen.md")
    assert [section.name for section in runbook.sections] == [*ORDER, "treasury"]
    contacts = runbook.section("contacts").text
    assert "- **on-call**: +41 44 000 00 00\n- **Backend team**: #quri-ops" in contacts


def test_without_contacts_the_page_says_what_to_do() -> None:
    assert "Nobody is configured" in read_runbook(None).section("contacts").text
