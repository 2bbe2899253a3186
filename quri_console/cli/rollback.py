"""`quri-console rollback`: undo a restore by its safety snapshot."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.operation import carry_out, confirmed
from quri_console.render.escape import escape

if TYPE_CHECKING:
    from quri_console.console import Console


@click.command("rollback")
@click.argument("operation")
@click.option("--force", is_flag=True, help="Needed on production networks, besides --confirm.")
@click.option("--confirm", "confirmation", metavar="NETWORK/NAME", help="Instead of typing it when asked.")
@click.option("--reason", help="Why; kept with the operation.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
@click.pass_obj
def command(
    invocation: Invocation,
    operation: str,
    force: bool,
    confirmation: str | None,
    reason: str | None,
    as_json: bool,
) -> int:
    """Undo the restore OPERATION (its name, how it begins, or latest): load the safety snapshot that it took.

    The state that is replaced is kept in a safety snapshot in turn, so a rollback can be rolled back.
    """
    return asyncio.run(_roll_back(invocation.console(), operation, force, confirmation, reason, as_json))


async def _roll_back(
    console: Console, operation: str, force: bool, confirmation: str | None, reason: str | None, as_json: bool
) -> int:
    from quri_console.effects.gate import require_writable

    require_writable("rollback", read_only=console.read_only)
    plan = await console.plan_rollback(operation)
    sys.stderr.write(f"Roll {escape(plan.name)} on {escape(plan.network)} back to the state before {plan.operation}:\n")
    for number, step in enumerate(plan.steps, 1):
        sys.stderr.write(f"  {number}. {step}\n")
    sys.stderr.flush()
    typed = confirmed("rollback", plan.network, plan.name, confirmation)
    handle = await console.start_rollback(plan.operation, confirmation=typed, force=force, reason=reason)
    return await carry_out(handle, as_json=as_json)
