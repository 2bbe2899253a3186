"""`quri-console backup`: copy canisters' whole state into the repository."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.operation import follow_to_end
from quri_console.cli.output import say, show_error, show_json, show_lines
from quri_console.errors import ExitCode, QuriError, UsageError
from quri_console.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quri_console.backup.manifest import TakenMode
    from quri_console.backup.plan import BackupPlan
    from quri_console.console import Console
    from quri_console.effects.operation_files import Outcome
    from quri_console.service.following import OperationHandle


def _seconds(_ctx: click.Context, _param: click.Parameter, value: str) -> float:
    return parse_duration(value)


@click.command("backup")
@click.argument("canisters", nargs=-1, metavar="[CANISTER]...")
@click.option("--all", "every", is_flag=True, help="All canisters of the configuration; so does naming none.")
@click.option(
    "--mode",
    type=click.Choice(["stop", "hot", "reuse", "metadata"]),
    default="stop",
    show_default=True,
    help="stop: stopped for the seconds that the snapshot takes; hot: taken while it runs; reuse: copy the snapshot "
    "that --snapshot names; metadata: without state, what a monitor without rights can see.",
)
@click.option(
    "--snapshot",
    "snapshots",
    multiple=True,
    metavar="[CANISTER=]ID",
    help="With --mode reuse: the snapshot to copy, in hex; may be repeated.",
)
@click.option(
    "--stop-timeout",
    callback=_seconds,
    metavar="DURATION",
    default="60s",
    show_default=True,
    help="When a canister has not stopped by then it is started again and left out.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done and what it costs, and do nothing.")
@click.option("--force", is_flag=True, help="Needed on production networks, with --confirm.")
@click.option(
    "--confirm", "confirmation", default="", metavar="NETWORK/NAME", help="On production; asked for if absent."
)
@click.option("--reason", help="Why; kept with the operation.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    canisters: tuple[str, ...],
    every: bool,
    mode: TakenMode,
    stop_timeout: float,
    snapshots: tuple[str, ...],
    **options: bool | str | None,
) -> int:
    """Copy the whole state of each CANISTER (name or id) into the repository: module, memories, settings.

    A canister that runs is stopped for seconds and has its status back before the download begins; the members of a
    group are stopped together. One canister's failure leaves the others alone; the exit code is then 3.

    \b
    Examples:
      quri-console backup
      quri-console backup rune-engine registry --reason "before the upgrade"
      quri-console backup --dry-run
      quri-console backup registry --mode reuse --snapshot SNAPSHOT_ID
    """
    if every and canisters:
        raise UsageError("backup takes canisters or --all, not both")
    if stop_timeout <= 0:
        raise UsageError("--stop-timeout must be more than 0")
    if (mode == "reuse") != bool(snapshots):
        raise UsageError("--mode reuse and --snapshot go together")
    request = BackupCommand(invocation.console(), canisters, mode, stop_timeout, options)
    request.snapshots = named_snapshots(snapshots, canisters)
    return asyncio.run(request.run())


def named_snapshots(given: tuple[str, ...], canisters: tuple[str, ...]) -> dict[str, str]:
    """Snapshot ids by canister name, from `NAME=ID`, or `ID` where one canister is named. Raises UsageError."""
    found: dict[str, str] = {}
    for text in given:
        name, _, identifier = text.rpartition("=")
        if not name and len(canisters) == 1:
            name = canisters[0]
        try:
            bytes.fromhex(identifier)
        except ValueError:
            identifier = ""
        if not name or not identifier:
            raise UsageError(
                f"{text!r} names no snapshot",
                next_step="Write CANISTER=ID with the id in hex, as `icp canister snapshot list CANISTER` shows it.",
            )
        found[name] = identifier
    return found


class BackupCommand:
    """One command line's backup."""

    def __init__(
        self,
        console: Console,
        canisters: tuple[str, ...],
        mode: TakenMode,
        stop_timeout_seconds: float,
        options: dict[str, bool | str | None],
    ) -> None:
        self.console = console
        self.canisters = canisters
        self.mode: TakenMode = mode
        self.snapshots: dict[str, str] = {}
        self.stop_timeout_seconds = stop_timeout_seconds
        self.as_json = bool(options["as_json"])
        self.dry_run = bool(options["dry_run"])
        self.force = bool(options["force"])
        self.confirmation = str(options["confirmation"] or "")
        self.reason = None if options["reason"] is None else str(options["reason"])

    async def run(self) -> int:
        """Plan, show, ask where asking is due, back up, tell how it ended; the exit code."""
        from quri_console.service.backups import end_of_backup

        plan = await self.console.plan_backup(
            self.canisters,
            mode=self.mode,
            stop_timeout_seconds=self.stop_timeout_seconds,
            snapshots=self.snapshots,
        )
        if self.dry_run:
            return self._planned(plan)
        _show_plan(plan, to_errors=True)
        problems = [part.problem for part in plan.canisters if part.problem is not None]
        if len(problems) == len(plan.canisters) == 1:
            raise problems[0]  # there is nothing to start
        handle = await self._started(self._confirmed(plan))
        outcome = await follow_to_end(handle, as_json=self.as_json)
        result = end_of_backup(self.console.session, handle.request, outcome)
        if self.as_json:
            show_json({"exit_code": int(outcome.exit_code), "what": outcome.what, "why": outcome.why, **result})
        else:
            _tell(outcome, result)
        return int(outcome.exit_code)

    def _planned(self, plan: BackupPlan) -> int:
        from quri_console.service.backups import key_problem

        no_key = key_problem(self.console.session)
        if self.as_json:
            from quri_console.render.backup_plan import backup_plan_json

            show_json(backup_plan_json(plan, no_key))
        else:
            _show_plan(plan, to_errors=False)
            say("Dry run: nothing was changed.", role="muted")
        if no_key is not None:
            if not self.as_json:
                show_error(no_key)
            return int(no_key.exit_code)
        problems = [part.problem for part in plan.canisters if part.problem is not None]
        if not problems:
            return int(ExitCode.OK)
        return int(ExitCode.PARTIAL if len(problems) < len(plan.canisters) else problems[0].exit_code)

    def _confirmed(self, plan: BackupPlan) -> str:
        """What was typed for the gate, which decides whether it is needed and right."""
        if self.confirmation or not (self.force and self.console.network.production and sys.stdin.isatty()):
            return self.confirmation
        from quri_console.effects.gate import expected_confirmation
        from quri_console.service.backups import confirmed_names

        expected = expected_confirmation(plan.network, confirmed_names(plan.targets))
        return str(click.prompt(f"This is a production network. Type {expected} to go on", err=True))

    async def _started(self, confirmation: str) -> OperationHandle:
        return await self.console.start_backup(
            self.canisters,
            mode=self.mode,
            stop_timeout_seconds=self.stop_timeout_seconds,
            snapshots=self.snapshots,
            confirmation=confirmation,
            force=self.force,
            reason=self.reason,
        )


def _show_plan(plan: BackupPlan, *, to_errors: bool) -> None:
    from quri_console.render.backup_plan import backup_plan_lines

    show_lines(backup_plan_lines(plan), stream=sys.stderr if to_errors else None)


def _tell(outcome: Outcome, result: Mapping[str, Any]) -> None:
    from quri_console.render.ends import backup_end_lines
    from quri_console.render.escape import escape

    if not outcome.ok:
        show_error(QuriError(outcome.what, why=outcome.why, next_step=outcome.next_step, exit_code=outcome.exit_code))
    else:
        say(escape(outcome.what))
        if outcome.why:
            say(escape(outcome.why), role="status-warning")
    if "canisters" in result:
        show_lines(backup_end_lines(result))
