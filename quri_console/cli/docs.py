"""`quri-console docs`: the runbook in the terminal."""

from __future__ import annotations

import shutil
import sys

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import say, show_json
from quri_console.errors import ConfigError, ExitCode, UsageError
from quri_console.render.escape import escape
from quri_console.report.runbook import FIRST, Runbook, Section, read_runbook
from quri_console.report.runbook_text import section_lines

_WIDEST = 100
_ROLES = {"heading": "heading", "command": "status-ok"}


@click.command("docs")
@click.argument("section", metavar="[SECTION]", required=False)
@click.option("--list", "as_list", is_flag=True, help="List the sections.")
@click.option("--search", metavar="WORD", help="Show every line of the runbook with WORD.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document; text is Markdown.")
@click.pass_obj
def command(
    invocation: Invocation, section: str | None, as_list: bool, search: str | None, as_json: bool
) -> int | None:
    """Show the runbook: what to look at, what to type, when to call somebody.

    Without SECTION it shows where to start. A folder named by [ui] runbook_dir of the configuration may add
    sections or stand in for ours; [contacts] says whom to call. Works without a configuration, too.

    \b
    Examples:
      quri-console docs
      quri-console docs frozen
      quri-console docs --list
      quri-console docs --search "wrong key"
    """
    if search is not None and not search.strip():
        raise UsageError("--search is empty", next_step='Name a word, or some in quotes: --search "wrong key".')
    runbook, problem = _read(invocation)
    code: int | None = None
    if search is not None:
        code = _show_hits(runbook, search, as_json)
    elif as_list:
        _show_list(runbook, as_json)
    else:
        _show_section(runbook.section(section or FIRST), as_json)
    if problem is not None:
        sys.stderr.write(f"{problem}\n")
    return code


def _read(invocation: Invocation) -> tuple[Runbook, str | None]:
    """The runbook, and what of it is missing because of the configuration: the operators' pages, or contacts too."""
    from quri_console.cli.command_reference import command_reference
    from quri_console.cli.main import cli

    reference = command_reference(cli)
    try:
        runbook, problem = invocation.console().readable_runbook(commands=reference)
    except ConfigError as error:
        only = "Only the program's own pages, without your contacts"
        return read_runbook(None, commands=reference), f"{only}: {escape(str(error))}"
    return runbook, None if problem is None else f"Without your own pages: {escape(str(problem))}"


def _show_section(section: Section, as_json: bool) -> None:
    if as_json:
        show_json({"name": section.name, "title": section.title, "origin": section.origin, "text": section.text})
        return
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    for line in section_lines(section.text, width):
        say(line.text, role=_ROLES.get(line.kind, "plain"))


def _show_list(runbook: Runbook, as_json: bool) -> None:
    if as_json:
        show_json([{"name": item.name, "title": item.title, "origin": item.origin} for item in runbook.sections])
        return
    width = max(len(item.name) for item in runbook.sections)
    for item in runbook.sections:
        say(f"{item.name:<{width}}  {escape(item.title)}")


def _show_hits(runbook: Runbook, word: str, as_json: bool) -> int:
    hits = list(runbook.search(word))
    if as_json:
        show_json([{"section": hit.section, "line": hit.line} for hit in hits])
    elif not hits:
        say(f"No section has {escape(word)!r}.")
    for hit in () if as_json else hits:
        say(f"{hit.section}: {escape(hit.line)}")
    return int(ExitCode.OK if hits else ExitCode.FAILED)
