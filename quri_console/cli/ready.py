"""`quri-console ready`: whether canisters could be restored this minute."""

from __future__ import annotations

import asyncio

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.operation import show_plan_lines
from quri_console.cli.output import show_json
from quri_console.errors import ExitCode


@click.command("ready")
@click.argument("canisters", nargs=-1, metavar="[CANISTER]...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(invocation: Invocation, /, canisters: tuple[str, ...], as_json: bool) -> int:
    """Say whether each CANISTER (all when none is named) could be restored this minute, and what to do if not.

    It looks at what a restore needs: a controller's identity, free snapshot slots, cycles for the bill, a restore
    point that is whole and young enough. Nothing is changed. Exit code 0 when all are ready, 14 when one is not.

    \b
    Examples:
      quri-console ready
      quri-console ready rune-engine --json
    """
    found = asyncio.run(invocation.console().readiness(canisters))
    if as_json:
        from quri_console.render.ready import ready_json

        show_json(ready_json(found))
    else:
        from quri_console.render.ready import ready_lines

        show_plan_lines(ready_lines(found), to_errors=False)
    return int(ExitCode.OK if all(item.ready for item in found) else ExitCode.REFUSED)
