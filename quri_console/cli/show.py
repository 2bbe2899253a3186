"""`quri-console show`: what one backup holds."""

from __future__ import annotations

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import say, show_json
from quri_console.errors import ExitCode


@click.command("show")
@click.argument("backup", default="latest")
@click.argument("canister", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(invocation: Invocation, backup: str, canister: str | None, as_json: bool) -> int:
    """Show what BACKUP (a name from `list`, how it begins, or `latest`) holds, or one CANISTER of it.

    Sizes, module hash, settings, controllers, the measured bill, what else was kept and why not, the window in which
    a group stood still, and marks. Without its key an encrypted backup shows what is clear: the exit code is then 12.

    \b
    Examples:
      quri-console show
      quri-console show 20250124T020000Z rune-engine
      quri-console show latest --json
    """
    from quri_console.backup.closer_look import look_at
    from quri_console.render.backup_contents import backup_lines
    from quri_console.render.backup_contents_json import contents_json

    look = look_at(invocation.console().backup(backup), canister)
    if as_json:
        show_json(contents_json(look))
    else:
        for line in backup_lines(look):
            say("".join(span.text for span in line), role=line[0].role or "plain" if line else "plain")
    return int(ExitCode.OK if look.problem is None else look.problem.exit_code)
