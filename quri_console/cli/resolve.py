"""`quri-console operations resolve`: an operation that nobody is to go on with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.operation import confirmed, show_plan_lines
from quri_console.cli.output import say, show_json
from quri_console.render.escape import escape
from quri_console.render.resolution import resolution_json, resolution_lines

if TYPE_CHECKING:
    from quri_console.restore.resolution import Resolution
    from quri_console.service.resolving import Resolved


@click.command()
@click.argument("operation")
@click.option("--reason", help="What was done about it, or the number of the incident; kept in journal and audit log.")
@click.option("--leave-stopped", is_flag=True, help="Leave what the operation stopped as it is, on purpose.")
@click.option("--dry-run", is_flag=True, help="Only show what the operation left behind; change nothing.")
@click.option("--confirm", "confirmation", metavar="NETWORK/NAME", help="The typed name, where it has to be typed.")
@click.option("--force", is_flag=True, help="Needed on a production network.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def resolve(
    invocation: Invocation,
    operation: str,
    reason: str | None,
    leave_stopped: bool,
    dry_run: bool,
    confirmation: str | None,
    force: bool,
    as_json: bool,
) -> int:
    """Mark an interrupted operation resolved. It is neither resumed nor aborted nor rolled back.

    It looks at the network first and says what is left behind: canisters, snapshots, locks. A canister that the
    operation stopped is started first. Nothing is undone; a rollback stays possible.

    \b
    quri-console operations resolve latest --dry-run
    quri-console operations resolve latest --reason "INC-42 put right by hand"
    """
    console = invocation.console()
    resolution = asyncio.run(console.plan_resolution(operation))
    if not as_json or not dry_run:
        show_plan_lines(resolution_lines(resolution, leave_stopped=leave_stopped), to_errors=as_json)
    if dry_run:
        if as_json:
            show_json(resolution_json(resolution))
        return 0
    typed = confirmation or ""
    if resolution.production and force:
        typed = confirmed("resolve", resolution.network, resolution.name, confirmation)
    marked = asyncio.run(
        console.resolve(
            resolution.operation,
            reason=reason or "",
            confirmation=typed,
            force=force,
            leave_stopped=leave_stopped,
        )
    )
    _tell(resolution, marked, as_json=as_json)
    return 0


def _tell(resolution: Resolution, marked: Resolved, *, as_json: bool) -> None:
    if as_json:
        ended = {"resolved_by": marked.by, "started": list(marked.started), "left_stopped": list(marked.left_stopped)}
        show_json({**resolution_json(resolution), **ended})
        return
    say()
    say(f"{escape(resolution.operation)} is marked resolved.", role="status-ok")
    if marked.started:
        say(f"  {escape(' and '.join(marked.started))} was started again.")
    for name in marked.left_stopped:
        say(f"  {escape(name)} is left stopped. To start it: quri-console start {escape(name)}", role="status-warning")
