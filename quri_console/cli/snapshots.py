"""`quri-console snapshots`: list the snapshots on chain, and delete those that are not needed any more."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.operation import carry_out, confirmed, show_plan_lines
from quri_console.cli.output import say, show_json, show_lines
from quri_console.cli.remedy import RemedyOptions, options_of, remedy_options
from quri_console.errors import ExitCode

if TYPE_CHECKING:
    from quri_console.console import Console
    from quri_console.restore.chain_snapshots import SnapshotsView
    from quri_console.restore.snapshot_deletion import DeletionPlan


class ListedByDefault(click.Group):
    """A group whose first word may be a canister instead of a command: then it is to be listed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group("snapshots", cls=ListedByDefault)
def command() -> None:
    """Snapshots on chain: whose they are, what they cost; deleting those that are not needed any more.

    \b
    Examples:
      quri-console snapshots
      quri-console snapshots rune-engine
      quri-console snapshots clean --dry-run
      quri-console snapshots delete rune-engine 00000000000000018000 --confirm local/rune-engine
    """


@command.command("list")
@click.argument("canister", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def list_(invocation: Invocation, canister: str | None, as_json: bool) -> None:
    """List the snapshots of the fleet, or of one canister. With age, size, cost and owner."""
    view = asyncio.run(invocation.console().snapshots(canister))
    if as_json:
        show_json(_as_plain(view))
        return
    from quri_console.render.snapshots import snapshots_lines

    show_lines(snapshots_lines(view))


@command.command()
@click.argument("canister")
@click.argument("snapshot")
@remedy_options
@click.pass_obj
def delete(invocation: Invocation, /, canister: str, snapshot: str, **given: Any) -> int:
    """Delete one SNAPSHOT of CANISTER from the network. Its id, or how that begins, names it."""
    return asyncio.run(_delete(invocation.console(), canister, snapshot, options_of(given)))


@command.command()
@click.argument("canister", required=False)
@remedy_options
@click.pass_obj
def clean(invocation: Invocation, /, canister: str | None, **given: Any) -> int:
    """Delete our own snapshots that are no longer needed. Safety snapshots whose time is over, and leftovers."""
    return asyncio.run(_clean(invocation.console(), canister, options_of(given)))


async def _delete(console: Console, canister: str, snapshot: str, options: RemedyOptions) -> int:
    _require_writable(console, options)
    return await _carry_out(console, await console.plan_snapshot_deletion(canister, snapshot), options)


async def _clean(console: Console, canister: str | None, options: RemedyOptions) -> int:
    _require_writable(console, options)
    plan = await console.plan_snapshot_cleaning(canister)
    if plan is not None:
        return await _carry_out(console, plan, options)
    if options.as_json:
        show_json({"hash": None, "plan": None})
    else:
        say("Nothing to clean: every snapshot of ours is still needed.")
    return int(ExitCode.OK)


def _require_writable(console: Console, options: RemedyOptions) -> None:
    if not options.dry_run:
        from quri_console.effects.gate import require_writable

        require_writable("delete-snapshot", read_only=console.read_only)


async def _carry_out(console: Console, plan: DeletionPlan, options: RemedyOptions) -> int:
    from quri_console.render.snapshots import deletion_lines

    if options.dry_run and options.as_json:
        from quri_console.restore.plan import plan_hash, plan_json

        show_json({"hash": plan_hash(plan), "plan": json.loads(plan_json(plan))})
        return int(ExitCode.OK)
    show_plan_lines(deletion_lines(plan), to_errors=options.as_json)
    if options.dry_run:
        say("\nDry run: nothing was changed.", role="muted")
        return int(ExitCode.OK)
    typed = confirmed("delete snapshots", plan.network, plan.name, options.confirmation)
    handle = await console.start_snapshot_deletion(plan, confirmation=typed, force=options.force, reason=options.reason)
    return await carry_out(handle, as_json=options.as_json)


def _as_plain(view: SnapshotsView) -> dict[str, Any]:
    return {
        "network": view.network,
        "at_ns": view.at_ns,
        "canisters": [
            {
                "canister": found.canister.to_str(),
                "name": found.name,
                "failure": found.failure or None,
                "snapshots": [
                    {
                        "id": item.id.hex(),
                        "taken_at_ns": item.taken_at_ns,
                        "size_bytes": item.size_bytes,
                        "cycles_per_day": item.cycles_per_day,
                        "owner": item.ownership.owner,
                        "operation": item.ownership.operation or None,
                        "kept_until_ns": item.ownership.kept_until_ns or None,
                        "expired": item.ownership.expired(view.at_ns),
                    }
                    for item in found.snapshots
                ],
            }
            for found in view.canisters
        ],
    }
