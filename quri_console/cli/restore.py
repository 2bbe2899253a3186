"""`quri-console restore`: bring a canister back from a backup."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.operation import carry_out, confirmed, show_plan_lines
from quri_console.cli.options import Duration
from quri_console.cli.output import say, show_json
from quri_console.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from quri_console.console import Console
    from quri_console.restore.plan import RestorePlan


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """What the command line says besides the canister."""

    source: str
    dry_run: bool
    force: bool
    confirmation: str | None
    reason: str | None
    stop_timeout_seconds: float
    as_json: bool


@click.command("restore")
@click.argument("canister")
@click.option(
    "--from", "source", metavar="BACKUP|latest", help="A backup's name, its folder's path, or latest.  [required]"
)
@click.option("--dry-run", is_flag=True, help="Show the difference, the steps, the bill and the checks; do nothing.")
@click.option("--force", is_flag=True, help="Needed on production networks, besides --confirm.")
@click.option("--confirm", "confirmation", metavar="NETWORK/NAME", help="Instead of typing it when asked.")
@click.option("--reason", help="Why; kept with the operation.")
@click.option(
    "--stop-timeout",
    type=Duration(),
    default="60s",
    show_default=True,
    help="When the canister has not stopped by then it is started again and nothing is restored.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    canister: str,
    source: str | None,
    stop_timeout: float,
    confirmation: str | None,
    reason: str | None,
    **flags: bool,
) -> int:
    """Bring CANISTER (name or id) back from a backup.

    The backup is uploaded into a new on-chain snapshot while the canister runs. Then the canister is stopped, a
    safety snapshot is taken, the backup is loaded and checked, and the canister is started if it ran before.
    `quri-console rollback` undoes it.

    \b
    Examples:
      quri-console restore rune-engine --from latest --dry-run
      quri-console restore rune-engine --from 20250124T020000Z --reason INC-42
    """
    if source is None:
        raise UsageError(
            "restore needs --from: which backup it is to restore",
            next_step="`quri-console list` shows the backups; --from latest takes the newest that holds the canister.",
        )
    if not 1 <= stop_timeout <= 270:
        raise UsageError("--stop-timeout must be between 1 s and 270 s")
    options = RestoreOptions(
        source, flags["dry_run"], flags["force"], confirmation, reason, stop_timeout, flags["as_json"]
    )
    return asyncio.run(_restore(invocation.console(), canister, options))


async def _restore(console: Console, canister: str, options: RestoreOptions) -> int:
    if not options.dry_run:
        from quri_console.effects.gate import require_writable

        require_writable("restore", read_only=console.read_only)
    plan = await console.plan_restore(canister, options.source, stop_timeout_seconds=options.stop_timeout_seconds)
    if not (options.as_json and options.dry_run):
        _show_plan(plan, to_errors=options.as_json)
    if options.dry_run:
        return _planned(plan, as_json=options.as_json)
    typed = confirmed("restore", plan.network, plan.name, options.confirmation, feasible=plan.feasible)
    handle = await console.start_restore(plan, confirmation=typed, force=options.force, reason=options.reason)
    return await carry_out(handle, as_json=options.as_json)


def _planned(plan: RestorePlan, *, as_json: bool) -> int:
    if as_json:
        from quri_console.restore.plan import plan_json

        show_json({"hash": plan.hash, "feasible": plan.feasible, "plan": json.loads(plan_json(plan))})
    elif plan.feasible:
        say("\nDry run: nothing was changed.", role="muted")
    return int(ExitCode.OK if plan.feasible else plan.failed_checks[0].exit_code)


def _show_plan(plan: RestorePlan, *, to_errors: bool) -> None:
    from quri_console.render.restore_plan import restore_plan_lines

    show_plan_lines(restore_plan_lines(plan), to_errors=to_errors)
