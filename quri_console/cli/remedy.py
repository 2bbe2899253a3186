"""What the commands of the smaller remedies share: their options, the plan, the confirmation, the end."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from quri_console.cli.operation import carry_out, confirmed, show_plan_lines
from quri_console.cli.output import say, show_json
from quri_console.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from quri_console.console import Console
    from quri_console.restore.remedy_plan import RemedyPlan

SUBACCOUNT_BYTES = 32


@dataclass(frozen=True, slots=True)
class RemedyOptions:
    """What the command line says besides the remedy itself."""

    dry_run: bool
    force: bool
    confirmation: str | None
    reason: str | None
    as_json: bool


def remedy_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every remedy has."""
    options = (
        click.option("--dry-run", is_flag=True, help="Show what would be done, what it costs, the checks; do nothing."),
        click.option("--force", is_flag=True, help="Needed on production networks, besides --confirm."),
        click.option("--confirm", "confirmation", metavar="NETWORK/NAME", help="Instead of typing it when asked."),
        click.option("--reason", help="Why; kept with the operation."),
        click.option(
            "--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def options_of(given: dict[str, Any]) -> RemedyOptions:
    """The options of `remedy_options`."""
    return RemedyOptions(given["dry_run"], given["force"], given["confirmation"], given["reason"], given["as_json"])


def subaccount_of(text: str | None) -> bytes | None:
    """The 32 bytes of a subaccount in hex; fewer are filled with zeros in front. Raises UsageError."""
    if text is None:
        return None
    try:
        subaccount = bytes.fromhex(text)
    except ValueError:
        subaccount = b""
    if not 0 < len(subaccount) <= SUBACCOUNT_BYTES:
        raise UsageError(
            f"--from-subaccount is {text!r}", next_step="Allowed: at most 32 bytes in hexadecimal digits, like 01."
        )
    return subaccount.rjust(SUBACCOUNT_BYTES, b"\0")


async def run_remedy(
    console: Console, kind: str, options: RemedyOptions, plan: Callable[[], Awaitable[RemedyPlan]]
) -> int:
    """Show the plan; unless it is a dry run, have it confirmed and carry it out. The exit code."""
    from quri_console.effects.gate import needs_typing, require_writable

    if not options.dry_run:
        require_writable(kind, read_only=console.read_only)  # type: ignore[arg-type]  # a kind of the gate's
    made = await plan()
    if not (options.as_json and options.dry_run):
        _show(made, to_errors=options.as_json)
    if options.dry_run:
        return _planned(made, as_json=options.as_json)
    typed = options.confirmation or ""
    if options.confirmation == "" or needs_typing(made.kind, production=made.production):
        typed = confirmed(made.kind, made.network, made.name, options.confirmation, feasible=made.feasible)
    handle = await console.start_remedy(made, confirmation=typed, force=options.force, reason=options.reason)
    return await carry_out(handle, as_json=options.as_json)


def _planned(plan: RemedyPlan, *, as_json: bool) -> int:
    if as_json:
        from quri_console.restore.plan import plan_json

        show_json({"hash": plan.hash, "feasible": plan.feasible, "plan": json.loads(plan_json(plan))})
    elif plan.feasible:
        say("\nDry run: nothing was changed.", role="muted")
    return int(ExitCode.OK if plan.feasible else plan.failed_checks[0].exit_code)


def _show(plan: RemedyPlan, *, to_errors: bool) -> None:
    from quri_console.render.remedy_plan import remedy_plan_lines

    show_plan_lines(remedy_plan_lines(plan), to_errors=to_errors)
