"""`quri-console show`: what one backup holds."""

from __future__ import annotations

import sys

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import line_width, show_json, show_lines
from quri_console.errors import ExitCode


@click.command("show")
@click.argument("backup", default="latest")
@click.argument("canister", required=False)
@click.option("--all", "every", is_flag=True, help="Settings that have the network's default values, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(invocation: Invocation, backup: str, canister: str | None, every: bool, as_json: bool) -> int:
    """Show what BACKUP (a name from `list`, how it begins, or `latest`) holds, or one CANISTER of it.

    BACKUP/CANISTER is the same as BACKUP CANISTER; `latest` is then the newest backup that holds CANISTER.

    Sizes, module hash, settings, controllers, the measured bill, what else was kept and why not, the window in which
    a group stood still, and marks. Without its key an encrypted backup shows what is clear: the exit code is then 12.

    \b
    Examples:
      quri-console show
      quri-console show 20250124T020000Z rune-engine
      quri-console show latest/rune-engine --all
      quri-console show latest --json
    """
    from quri_console.render.backup_contents import backup_lines, fitted
    from quri_console.render.backup_contents_json import contents_json

    name = f"{backup}/{canister}" if canister else backup
    look = invocation.console().look_into(name)
    if as_json:
        show_json(contents_json(look))
    else:
        lines, width = backup_lines(look, every=every), line_width(sys.stdout)
        show_lines(lines if width is None else fitted(lines, width))
    return int(ExitCode.OK if look.problem is None else look.problem.exit_code)
