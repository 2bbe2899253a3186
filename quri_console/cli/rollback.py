"""`quri-console rollback`: undo a restore by its safety snapshot."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.operation import carry_out, confirmed, show_plan_lines
from quri_console.cli.output import say, show_json
from quri_console.errors import ExitCode

if TYPE_CHECKING:
    from quri_console.console import Console
    from quri_console.restore.rollback import RollbackPlan


@dataclass(frozen=True, slots=True)
class RollbackOptions:
    """What the command line says besides the operation."""

    dry_run: bool
    force: bool
    confirmation: str | None
    reason: str | None
    as_json: bool


@click.command("rollback")
@click.argument("operation")
@click.option("--dry-run", is_flag=True, help="Show what would come back, and the steps; do nothing.")
@click.option("--force", is_flag=True, help="Needed on production networks, besides --confirm.")
@click.option("--confirm", "confirmation", metavar="NETWORK/NAME", help="Instead of typing it when asked.")
@click.option("--reason", help="Why; kept with the operation.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
@click.pass_obj
def command(
    invocation: Invocation, /, operation: str, confirmation: str | None, reason: str | None, **flags: bool
) -> int:
    """Undo OPERATION (its name, how it begins, or latest): load the safety snapshot that it took.

    OPERATION is a restore, of one canister or of a group as a whole, a rollback, or what put a module or settings
    back. The state that is replaced is kept in a safety snapshot in turn, so a rollback can be rolled back.

    \b
    Examples:
      quri-console rollback latest --dry-run
      quri-console rollback 20250124T020000Z --reason INC-42
    """
    options = RollbackOptions(flags["dry_run"], flags["force"], confirmation, reason, flags["as_json"])
    return asyncio.run(_roll_back(invocation.console(), operation, options))


async def _roll_back(console: Console, operation: str, options: RollbackOptions) -> int:
    if not options.dry_run:
        from quri_console.effects.gate import require_writable

        require_writable("rollback", read_only=console.read_only)
    if console.follow(operation).request.kind == "settings":
        return await _settings_back(console, operation, options)
    plan = await console.plan_rollback(operation)
    if not (options.as_json and options.dry_run):
        _show_plan(plan, console.clock.now_ns(), to_errors=options.as_json)
    if options.dry_run:
        return _planned(plan, as_json=options.as_json)
    typed = confirmed("rollback", plan.network, plan.name, options.confirmation)
    handle = await console.start_rollback(
        plan.operation, confirmation=typed, force=options.force, reason=options.reason, shown=plan
    )
    return await carry_out(handle, as_json=options.as_json)


async def _settings_back(console: Console, operation: str, options: RollbackOptions) -> int:
    """Settings alone leave no snapshot: their way back is to put the ones before in force again."""
    from quri_console.cli.remedy import RemedyOptions, run_remedy

    shared = RemedyOptions(options.dry_run, options.force, options.confirmation, options.reason, options.as_json)
    return await run_remedy(console, "settings", shared, lambda: console.plan_settings_back(operation))


def _planned(plan: RollbackPlan, *, as_json: bool) -> int:
    if as_json:
        from quri_console.restore.plan import plan_hash, plan_json

        # what stands in the way is raised before there is a plan
        document = {"hash": plan_hash(plan), "feasible": True, "plan": json.loads(plan_json(plan))}
        show_json({**document, "steps": list(plan.steps)})
    else:
        say("\nDry run: nothing was changed.", role="muted")
    return int(ExitCode.OK)


def _show_plan(plan: RollbackPlan, now_ns: int, *, to_errors: bool) -> None:
    from quri_console.render.rollback_plan import rollback_plan_lines
    from quri_console.restore.plan import plan_hash

    show_plan_lines(rollback_plan_lines(plan, plan_hash=plan_hash(plan), now_ns=now_ns), to_errors=to_errors)
