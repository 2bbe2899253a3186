"""`quri-console list`: the backups in the repository."""

from __future__ import annotations

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import say, show_json, show_table


@click.command("list")
@click.option("--all", "every", is_flag=True, help="Forgotten ones too, until `prune` removes them.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(invocation: Invocation, every: bool, as_json: bool) -> None:
    """List the backups in the repository, newest first. No key is needed.

    SIZE is what the canisters hold, NEW what of it no earlier backup held. STATE is whole, partial (a canister is
    missing), not consistent (a group was not stopped together) or damaged.

    \b
    Examples:
      quri-console list
      quri-console list --all --json
    """
    from quri_console.backup.summaries import remaining
    from quri_console.render.backup_list import BACKUP_HEADINGS, BACKUP_RIGHT, backup_row, notes_on, repository_json
    from quri_console.render.escape import escape

    console = invocation.console()
    repository = console.repository_summary()
    shown = repository.backups if every else remaining(repository.backups)
    if as_json:
        show_json(repository_json(repository, shown))
        return
    if shown:
        now_ns = console.clock.now_ns()
        show_table(BACKUP_HEADINGS, [backup_row(backup, now_ns) for backup in shown], right=BACKUP_RIGHT)
    else:
        which = f"but forgotten ones ({len(repository.backups)}, see --all)" if repository.backups else "yet"
        say(f"No backups {which} in {escape(repository.location)}. `quri-console backup` takes one.")
    for line in notes_on(repository, shown):
        for span in line:
            say(span.text, role=span.role or "plain")
