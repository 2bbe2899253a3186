"""`quri-console restore`: bring a canister, or a group of them, back from a restore point."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.operation import carry_out, confirmed, show_plan_lines
from quri_console.cli.options import Cycles, Duration
from quri_console.cli.output import say, show_json
from quri_console.cli.restore_steps import RestoreOptions, is_group, remedy, show_points, with_snapshot
from quri_console.errors import ExitCode, RefusedBySafetyRule, UsageError

if TYPE_CHECKING:
    from quri_console.console import Console
    from quri_console.restore.group_plan import GroupPlan
    from quri_console.restore.plan import RestorePlan
    from quri_console.service.restores import RestoreWishes

STOP_TIMEOUT_SECONDS = 60.0


@click.command("restore")
@click.argument("canister", metavar="CANISTER|GROUP")
@click.option(
    "--from",
    "source",
    metavar="BACKUP|latest|snapshot:ID",
    help="A backup's name or path, latest, or a snapshot on chain: snapshot:ID or snapshot:latest. Without it the "
    "restore points are shown.",
)
@click.option("--to", metavar="CANISTER", help="Restore into this canister (name or id) instead: a clone.")
@click.option("--start", is_flag=True, help="Start it afterwards, even if it was stopped, and a clone.")
@click.option(
    "--only", type=click.Choice(["settings", "module"]), help="Only the settings, or only the module: memory stays."
)
@click.option("--with-settings", is_flag=True, help="Bring the backup's settings and controllers back, too.")
@click.option(
    "--with-snapshot",
    is_flag=True,
    help="First take the canister's present state as a backup while it runs, so that the plan shows changed pages.",
)
@click.option("--dry-run", is_flag=True, help="Show the difference, the steps, the bill and the checks; do nothing.")
@click.option("--plan-out", type=click.Path(path_type=Path), metavar="FILE", help="Write the plan and do nothing.")
@click.option(
    "--plan-expires", type=Duration(), default="1h", show_default=True, help="How long a written plan may be applied."
)
@click.option(
    "--apply", type=click.Path(path_type=Path), metavar="FILE", help="Carry out a written plan if nothing has changed."
)
@click.option("--max-cycles", type=Cycles(), metavar="CYCLES", help="Refuse when the bill is higher, like 5T.")
@click.option("--max-downtime", type=Duration(), metavar="DURATION", help="Refuse when it may be down for longer.")
@click.option(
    "--stop-timeout",
    type=Duration(),
    default="60s",
    show_default=True,
    help="When the canister has not stopped by then it is started again and nothing is restored.",
)
@click.option(
    "--read-back",
    type=click.Choice(["metadata", "sampled", "all"]),
    default="metadata",
    show_default=True,
    help="What is compared through a fresh snapshot before the canister starts.",
)
@click.option("--pause", is_flag=True, help="Wait for `operations continue` before anything is stopped.")
@click.option(
    "--rollback-if-unhealthy", is_flag=True, help="Bring the state before back at once when a health query fails."
)
@click.option("--skip-safety-snapshot", is_flag=True, help="No way back; --reason must say why.")
@click.option("--from-other-network", is_flag=True, help="Allow a backup that was taken on another network.")
@click.option("--force", is_flag=True, help="Needed on production networks, besides --confirm.")
@click.option("--confirm", "confirmation", metavar="NETWORK/NAME", help="Instead of typing it when asked.")
@click.option("--reason", help="Why, or a ticket; kept with the operation.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
@click.pass_obj
def command(invocation: Invocation, /, canister: str, **given: Any) -> int:
    """Bring CANISTER (name or id) or a whole GROUP back from a restore point.

    Without --from it shows what there is to restore from, and changes nothing.

    A backup is uploaded into a new on-chain snapshot while the canister runs; a snapshot on chain is there already.
    Then the canister is stopped, a safety snapshot is taken, the restore point is loaded and checked, and the canister
    is started if it ran before. `quri-console rollback` undoes it.

    \b
    Examples:
      quri-console restore rune-engine
      quri-console restore rune-engine --from latest --dry-run
      quri-console restore rune-engine --from 20250124T020000Z --reason INC-42
      quri-console restore rune-engine --from snapshot:latest --max-downtime 1m
      quri-console restore rune-engine --from latest --to registry --start
      quri-console restore rune-engine --from latest --plan-out plan.json
      quri-console restore rune-engine --apply plan.json
    """
    if not 1 <= given["stop_timeout"] <= 270:
        raise UsageError("--stop-timeout must be between 1 s and 270 s")
    options = RestoreOptions(
        source=given["source"],
        dry_run=given["dry_run"],
        force=given["force"],
        confirmation=given["confirmation"],
        reason=given["reason"],
        only=given["only"],
        with_snapshot=given["with_snapshot"],
        plan_out=given["plan_out"],
        plan_seconds=given["plan_expires"],
        apply=given["apply"],
        undo_if_unhealthy=given["rollback_if_unhealthy"],
        pause=given["pause"],
        as_json=given["as_json"],
    )
    _require_sense(options, given)
    return asyncio.run(_restore(invocation.console(), canister, options, _wishes(given)))


def _require_sense(options: RestoreOptions, given: dict[str, Any]) -> None:
    """Raise UsageError for options that contradict each other."""
    if options.apply is not None and (options.source is not None or options.plan_out is not None or options.only):
        raise UsageError("--apply carries out what its plan says: leave --from, --only and --plan-out out")
    if options.apply is not None and (ignored := _wished(given)):
        raise UsageError(f"--apply carries out what its plan says: leave {' and '.join(ignored)} out")
    if options.only and (options.plan_out or options.with_snapshot or options.undo_if_unhealthy):
        raise UsageError("--only brings nothing but settings or module back: leave the other wishes out")
    if options.only and (ignored := [name for name in _wished(given) if name != "--stop-timeout"]):
        raise UsageError(
            f"--only brings nothing but settings or module back: leave {' and '.join(ignored)} out",
            next_step="Its plan shows bill and downtime: look at them with --dry-run.",
        )
    if options.apply is None and options.source is None and (options.only or options.plan_out):
        raise UsageError("A plan needs --from: which backup or snapshot it is made of")
    if given["skip_safety_snapshot"] and not options.reason:
        raise UsageError(
            "--skip-safety-snapshot needs --reason: why there shall be no way back",
            next_step="A safety snapshot is what `quri-console rollback` brings back: leave the option out.",
        )


def _wished(given: dict[str, Any]) -> list[str]:
    """The options for a whole restore's plan that were given; a cap or a target must not be left out without a word."""
    usual = {"read_back": "metadata", "stop_timeout": STOP_TIMEOUT_SECONDS}
    names = ("to", "start", "with_settings", "max_cycles", "max_downtime", "stop_timeout", "read_back",
             "skip_safety_snapshot", "from_other_network")  # fmt: skip
    asked = (name for name in names if given[name] is not None and given[name] is not False)
    return [f"--{name.replace('_', '-')}" for name in asked if given[name] != usual.get(name)]


def _wishes(given: dict[str, Any]) -> RestoreWishes:
    from quri_console.service.restores import RestoreWishes

    return RestoreWishes(
        to=given["to"],
        stop_timeout_seconds=given["stop_timeout"],
        with_settings=given["with_settings"],
        start=given["start"],
        read_back=given["read_back"],
        from_other_network=given["from_other_network"],
        max_cycles=given["max_cycles"],
        max_downtime_seconds=given["max_downtime"],
        no_safety_reason=(given["reason"] or "") if given["skip_safety_snapshot"] else "",
    )


async def _restore(console: Console, canister: str, options: RestoreOptions, wishes: RestoreWishes) -> int:
    if options.source is None and options.apply is None:
        return await show_points(console, canister, options)
    if not options.dry_run and options.plan_out is None:
        from quri_console.effects.gate import require_writable

        require_writable("restore", read_only=console.read_only)
    if options.only is not None:
        return await remedy(console, canister, options, wishes)
    plan = await _planned(console, canister, options, wishes)
    if options.with_snapshot:
        plan = await with_snapshot(console, plan, canister, options, wishes)
    only_shown = options.dry_run or options.plan_out is not None
    if not (options.as_json and only_shown):
        _show_plan(plan, to_errors=options.as_json)
    if only_shown:
        return _shown(console, plan, options)
    typed = confirmed("restore", plan.network, plan.name, options.confirmation, feasible=plan.feasible)
    handle = await console.start_restore(
        plan,
        confirmation=typed,
        force=options.force,
        reason=options.reason,
        undo_if_unhealthy=options.undo_if_unhealthy,
        pause=options.pause,
    )
    return await carry_out(handle, as_json=options.as_json)


async def _planned(
    console: Console, canister: str, options: RestoreOptions, wishes: RestoreWishes
) -> RestorePlan | GroupPlan:
    if options.apply is not None:
        return await _saved(console, canister, options.apply)
    assert options.source is not None
    if is_group(console, canister):
        return await console.plan_group_restore(canister, options.source, wishes)
    return await console.plan_restore(canister, options.source, wishes)


async def _saved(console: Console, canister: str, path: Path) -> RestorePlan | GroupPlan:
    """The plan of a file, which must be for the canister or group that the command line names."""
    from quri_console.restore.plan import RestorePlan

    plan = await console.saved_restore_plan(path)
    names = {plan.name}
    if isinstance(plan, RestorePlan):
        names |= {plan.canister.to_str(), plan.source.label.partition("/")[2]}
    if canister not in names:
        raise RefusedBySafetyRule(
            f"the plan in {path} is for {plan.name}, not for {canister}",
            next_step=f"If that is what you mean: quri-console restore {plan.name} --apply {path}",
        )
    return plan


def _shown(console: Console, plan: RestorePlan | GroupPlan, options: RestoreOptions) -> int:
    """What a dry run or a written plan ends with."""
    if options.plan_out is not None:
        plan = console.save_restore_plan(plan, options.plan_out, valid_seconds=options.plan_seconds)
    if options.as_json:
        from quri_console.restore.plan import plan_json

        show_json({"hash": plan.hash, "feasible": plan.feasible, "plan": json.loads(plan_json(plan))})
    elif options.plan_out is not None:
        from quri_console.render.ages import utc_text

        say(f"\nWritten to {options.plan_out}, valid until {utc_text(plan.expires_at_ns)}: nothing was changed.")
        say(f"To carry it out: quri-console restore {plan.name} --apply {options.plan_out}")
    elif plan.feasible:
        say("\nDry run: nothing was changed.", role="muted")
    return int(ExitCode.OK if plan.feasible else plan.failed_checks[0].exit_code)


def _show_plan(plan: RestorePlan | GroupPlan, *, to_errors: bool) -> None:
    from quri_console.render.restore_plan import group_plan_lines, restore_plan_lines
    from quri_console.restore.plan import RestorePlan

    lines = restore_plan_lines(plan) if isinstance(plan, RestorePlan) else group_plan_lines(plan)
    show_plan_lines(lines, to_errors=to_errors)
