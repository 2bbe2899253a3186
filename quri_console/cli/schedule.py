"""`quri-console schedule`: what runs by itself, and the system's timers for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.operation import show_plan_lines
from quri_console.cli.output import say, show_json, show_lines
from quri_console.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from quri_console.history.schedule_runs import ScheduleRun
    from quri_console.history.schedule_views import Installation
    from quri_console.service.schedule_install import System, Wish

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
_CODES = {"done": ExitCode.OK, "running": ExitCode.OK, "skipped": ExitCode.REFUSED, "interrupted": ExitCode.CANCELLED}


@click.group("schedule")
def command() -> None:
    """Show, run and explain schedules, and install them as timers.

    [schedules] of the configuration says what runs when, in UTC. `watch` runs them, on one host at a
    time, makes up once for what was missed, and never runs a job beside itself. Lockdown skips all.

    A backup needs the key of a controller, and with nobody present that key lies ready on this
    machine: whoever takes over the process, or its user, controls the canisters. On production
    networks nothing is done unattended unless [schedules] production = true. One-shot jobs under a
    user of their own are the better form: `schedule install --systemd --system --as USER`.

    \b
    Examples:
      quri-console schedule list
      quri-console schedule explain backup-high
      quri-console schedule run verify
      quri-console schedule install --systemd --dry-run
    """


@command.command("list", short_help="Show when each schedule comes next, and how it went.")
@AS_JSON
@click.pass_obj
def list_(invocation: Invocation, as_json: bool) -> None:
    """List the schedules: when each comes next, how it went, why it will not run.

    \b
    Examples:
      quri-console schedule list
      quri-console schedule list --json
    """
    from quri_console.render.schedules import schedules_json, schedules_lines

    view = asyncio.run(invocation.console().schedules())
    if as_json:
        show_json(schedules_json(view))
    else:
        show_plan_lines(schedules_lines(view), to_errors=False)


@command.command("explain", short_help="Say what schedule NAME does, and when.")
@click.argument("name")
@AS_JSON
@click.pass_obj
def explain(invocation: Invocation, name: str, as_json: bool) -> None:
    """Say what schedule NAME does, when it comes next, and how its last runs went.

    What its last run printed lies in `schedules` of the state folder.

    \b
    Examples:
      quri-console schedule explain backup-high
      quri-console schedule explain retention --json
    """
    from quri_console.render.schedules import schedule_json, schedule_lines

    view = asyncio.run(invocation.console().explain_schedule(name))
    if as_json:
        show_json(schedule_json(view))
    else:
        show_plan_lines(schedule_lines(view), to_errors=False)


@command.command("run", short_help="Run schedule NAME now, in the foreground.")
@click.argument("name")
@click.option("--if-due", is_flag=True, help="Only when its time has come and nobody has run it: for timers.")
@AS_JSON
@click.pass_obj
def run(invocation: Invocation, name: str, if_due: bool, as_json: bool) -> int:
    """Run schedule NAME now, in the foreground, and note how it went.

    Lockdown, the permit for production, and the day's cycles hold here as well. Exit code 0 when
    it is done or nothing was due, 1 when it failed, 14 when it was skipped.

    \b
    Examples:
      quri-console schedule run verify
      quri-console schedule run backup-high --if-due
    """
    from quri_console.render.schedules import run_json

    done = asyncio.run(invocation.console().run_schedule(name, if_due=if_due))
    if as_json:
        show_json({"run": None if done is None else run_json(done)})
    elif done is None:
        say("Nothing is due." if if_due else "Somebody else is running it.")
    else:
        _tell(done)
    return int(ExitCode.OK if done is None else _CODES.get(done.outcome, ExitCode.FAILED))


def _tell(done: ScheduleRun) -> None:
    from quri_console.render.escape import escape
    from quri_console.render.schedules import run_line
    from quri_console.render.spans import Span

    show_plan_lines([run_line(done)], to_errors=False)
    if done.note:
        show_plan_lines([(Span(f"  {escape(done.note)}"),)], to_errors=False)


def _where(function: Callable[..., None]) -> Callable[..., None]:
    options = (
        click.option("--systemd", is_flag=True, help="systemd services and timers."),
        click.option("--cron", is_flag=True, help="Lines of a crontab."),
        click.option("--launchd", is_flag=True, help="launchd agents (never tried on a Mac)."),
        click.option("--user", "for_user", is_flag=True, help="For yourself; so it is without --system."),
        click.option("--system", "for_system", is_flag=True, help="For the system, under the user of --as."),
        click.option("--as", "user", metavar="USER", help="With --system: who runs the jobs and owns their keys."),
        click.option("--directory", type=click.Path(path_type=Path), metavar="DIR", help="Write there instead."),
        click.option("--dry-run", is_flag=True, help="Show what would be written or removed, and do nothing."),
        AS_JSON,
        click.pass_obj,
    )
    for option in reversed(options):
        function = option(function)
    return function


@command.command("install", short_help="Write the schedules into the system's timers.")
@_where
def install(invocation: Invocation, /, as_json: bool, dry_run: bool, **options: Any) -> None:
    """Write the schedules into the system's timers, as one-shot commands.

    What is there already and is not ours, or was edited, is never written over. The commands that
    switch the timers on are shown, not run. Set [schedules] in_watch = false beside them.

    A job that backs up needs a controller's key that its user can read with nobody present. Give
    the jobs a user of their own, and let `watch` run under another one, with a viewer's key.

    \b
    Examples:
      quri-console schedule install --systemd --dry-run
      sudo quri-console schedule install --systemd --system --as quri
      quri-console schedule install --cron
    """
    _show(invocation.console().install_schedules(_wish(options), dry_run=dry_run), dry_run=dry_run, as_json=as_json)


@command.command("uninstall", short_help="Take away exactly what `install` wrote.")
@_where
def uninstall(invocation: Invocation, /, as_json: bool, dry_run: bool, **options: Any) -> None:
    """Take away exactly what `install` wrote for this configuration and network.

    What was edited since is left alone and named.

    \b
    Examples:
      quri-console schedule uninstall --systemd
      quri-console schedule uninstall --cron --dry-run
    """
    _show(invocation.console().uninstall_schedules(_wish(options), dry_run=dry_run), dry_run=dry_run, as_json=as_json)


def _wish(options: dict[str, Any]) -> Wish:
    from quri_console.service.schedule_install import Wish

    systems: tuple[System, ...] = ("systemd", "cron", "launchd")
    chosen = [system for system in systems if options[system]]
    if len(chosen) != 1:
        what = "say which timers are meant" if not chosen else f"--{chosen[0]} and --{chosen[1]} exclude each other"
        raise UsageError(what, next_step="Add one of --systemd, --cron and --launchd.")
    if options["for_system"] and options["for_user"]:
        raise UsageError("--user and --system exclude each other", next_step="Choose one of them.")
    if options["for_system"] != bool(options["user"]):
        raise UsageError(
            "--system and --as go together",
            next_step="Name the user that the jobs run under: --system --as USER. Better not root.",
        )
    return Wish(chosen[0], options["user"] or "", options["directory"])


def _show(done: Installation, *, dry_run: bool, as_json: bool) -> None:
    from quri_console.render import schedules as rendered

    if as_json:
        show_json(rendered.installation_json(done, dry_run=dry_run))
        return
    show_lines(rendered.installation_lines(done, dry_run=dry_run))
    show_plan_lines(rendered.installation_notes(done), to_errors=False)
    show_lines(rendered.installation_steps(done))
