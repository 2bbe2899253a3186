"""`quri-console list`: the backups in the repository."""

from __future__ import annotations

import sys

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import line_width, say, show_json, show_lines, show_table


@click.command("list")
@click.option("--all", "every", is_flag=True, help="Forgotten ones too, until `prune` removes them.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(invocation: Invocation, every: bool, as_json: bool) -> None:
    """List the backups in the repository, newest first. No key is needed.

    SIZE is what the canisters hold, NEW what of it no earlier backup held. STATE is whole, partial (a canister is
    missing), not consistent (a group was not stopped together) or damaged. A narrow terminal shows fewer columns.

    \b
    Examples:
      quri-console list
      quri-console list --all --json
    """
    from quri_console.backup.summaries import remaining
    from quri_console.render.backup_list import backup_table, notes_on, repository_json
    from quri_console.render.escape import escape
    from quri_console.render.spans import wrap_lines

    console = invocation.console()
    repository = console.repository_summary().require()
    shown = repository.backups if every else remaining(repository.backups)
    if as_json:
        show_json(repository_json(repository, shown))
        return
    width = line_width(sys.stdout)
    if shown:
        table = backup_table(shown, console.clock.now_ns(), width)
        show_table(table.headings, table.rows, right=table.right)
    elif repository.backups:
        say(f"All backups in {escape(repository.location)} are forgotten. `quri-console backup` takes a new one.")
    else:
        say(f"No backups yet in {escape(repository.location)}. `quri-console backup` takes one.")
    notes = notes_on(repository, shown)
    show_lines(notes if width is None else wrap_lines(notes, width))
