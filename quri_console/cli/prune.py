"""`quri-console prune`: delete what was forgotten long enough ago, and the chunks that no backup needs."""

from __future__ import annotations

import sys
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.options import Duration
from quri_console.cli.output import BarProgress, painted, progress_to, say, show_json
from quri_console.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quri_console.render.spans import Line
    from quri_console.repository.prune_plan import PrunePlan, PruneResult


@click.command("prune")
@click.option("--dry-run", is_flag=True, help="Show what would go and why, now and later; change nothing.")
@click.option("--grace", type=Duration(), help="How long what was forgotten or marked is kept; else [retention] grace.")
@click.option("--wait", type=Duration(), default="0s", help="How long to wait for others who use the repository.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
@click.pass_obj
def command(invocation: Invocation, dry_run: bool, grace: float | None, wait: float, yes: bool, as_json: bool) -> int:
    """Delete backups forgotten longer ago than the grace time, and packs that no backup has needed for as long.

    What becomes unneeded now is only marked, and deleted by a prune a grace time later unless it is needed again.
    Packs of which little is needed are written anew. Killed at any moment, every other backup is whole and the next
    prune goes on.

    \b
    Examples:
      quri-console prune --dry-run
      quri-console prune --yes --wait 10m
    """
    console = invocation.console()
    chosen = None if grace is None else timedelta(seconds=grace)
    if dry_run:
        return _planned(console.plan_prune(grace=chosen, dry_run=True, wait_seconds=wait), as_json=as_json)
    progress = progress_to(sys.stderr, "json" if as_json else None)
    if yes:
        shown = partial(_show_plan, to_errors=as_json)
        result = console.prune_at_once(shown, grace=chosen, wait_seconds=wait, progress=progress)
    else:
        plan = console.plan_prune(grace=chosen, wait_seconds=wait)
        _show_plan(plan, to_errors=as_json)
        plan.refuse()
        _require_consent(plan)
        result = console.prune(plan, wait_seconds=wait, progress=progress)
    if isinstance(progress, BarProgress):
        progress.close()
    return _finished(result, as_json=as_json)


def _finished(result: PruneResult, *, as_json: bool) -> int:
    from quri_console.render.prune_plan import prune_result_json, prune_result_lines

    if as_json:
        show_json(prune_result_json(result))
    else:
        _show(prune_result_lines(result), to_errors=False)
    return int(ExitCode.CORRUPTION if result.damaged else ExitCode.OK)


def _planned(plan: PrunePlan, *, as_json: bool) -> int:
    if as_json:
        from quri_console.render.prune_plan import prune_plan_json

        show_json(prune_plan_json(plan))
    else:
        _show_plan(plan, to_errors=False)
        say("Dry run: nothing was changed.", role="muted")
    return int(ExitCode.REFUSED if plan.refusals else ExitCode.OK)


def _show_plan(plan: PrunePlan, *, to_errors: bool) -> None:
    from quri_console.render.prune_plan import prune_plan_lines

    _show(prune_plan_lines(plan), to_errors=to_errors)


def _show(lines: Iterable[Line], *, to_errors: bool) -> None:
    stream = sys.stderr if to_errors else sys.stdout
    for line in lines:
        stream.write("".join(painted(span.text, span.role, stream) for span in line) + "\n")
    stream.flush()


def _require_consent(plan: PrunePlan) -> None:
    """Ask where something would go for good. Raises UsageError where nobody can be asked, click.Abort for a no."""
    if not plan.deletes_for_good:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "prune deletes for good, and there is nobody to ask",
            next_step="Read `quri-console prune --dry-run`, then run it with --yes.",
        )
    click.confirm("Delete this for good?", abort=True, err=True)
