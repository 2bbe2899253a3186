"""`--help`: no line is wider than a terminal of 80 columns, each has examples, and no list cuts a sentence short."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from quri_console.cli.main import cli
from tests.support.command import invoke

COMMANDS = [
    "backup", "check", "repair", "repair index", "repair packs", "repair marks", "repair locks", "prune", "archive",
    "export", "import", "key", "key list", "key add", "key remove", "key rotate", "key recovery-kit", "init", "status",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_its_help_fits_and_shows_how_it_is_used(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = invoke(capsys, *command.split(), "--help").output
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert "Example" in shown
    assert "  quri-console " in shown


def groups_of(group: click.Group, context: click.Context) -> Iterator[tuple[str, ...]]:
    """The words of a group and of every group below it."""
    yield tuple(context.command_path.split()[1:])
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from groups_of(command, click.Context(command, info_name=name, parent=context))


def test_no_list_of_commands_cuts_a_sentence_short(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    walked = list(groups_of(cli, click.Context(cli, info_name="quri-console")))
    assert {(), ("key",), ("operations",), ("schedule",), ("drill",)} <= set(walked)
    cut = [
        (*words, line.strip())
        for words in walked
        for line in invoke(capsys, *words, "--help").output.partition("\nCommands:\n")[2].splitlines()
        if line.rstrip().endswith("...")
    ]
    assert cut == []
