"""`quri-console service-logs`: what watch, consoles, schedules and runners did."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.options import Duration
from quri_console.cli.output import show_lines
from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.config.log import LogLevel
from quri_console.render.escape import escape

if TYPE_CHECKING:
    from quri_console.service_log.line import LogLine, Process
    from quri_console.service_log.reading import Wanted

NEWEST = 200


@click.command("service-logs")
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until interrupted.")
@click.option(
    "--lines", "-n", type=click.IntRange(min=0), metavar="N", help=f"The newest so many; {NEWEST} without --since."
)
@click.option("--since", type=Duration(), metavar="TIME", help="Only what is younger, like 2h or 7d.")
@click.option(
    "--level", type=click.Choice(["debug", "info", "warning", "error"]), default="debug", help="This level and worse."
)
@click.option(
    "--process",
    "processes",
    type=click.Choice(["watch", "console", "schedule", "runner"]),
    multiple=True,
    help="Only processes of this kind; may be repeated.",
)
@click.option("--grep", metavar="PATTERN", help="Only lines in which this regular expression is found.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, as they stand in the files.")
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    follow: bool,
    lines: int | None,
    since: float | None,
    level: LogLevel,
    processes: tuple[Process, ...],
    grep: str | None,
    as_json: bool,
) -> None:
    """Show what watch, consoles, schedules and runners did, newest last.

    Starts and ends, the configuration they read, rounds that failed and came back, alerts, deliveries,
    leases, schedules, lockdown. A line that repeats itself is shown once and then counted. Addresses of
    channels, keys, tokens and passphrases are never in it. Single commands count as `console`. The files
    lie in `logs` of the state folder; [monitor.log] sets their size, number and level. Times are UTC.

    \b
    Examples:
      quri-console service-logs --since 2h
      quri-console service-logs --follow --level warning
      quri-console service-logs --process schedule --grep backup-high
      quri-console service-logs --since 7d --json
    """
    from quri_console.service_log.reading import Wanted, pattern_of

    console = invocation.console()
    since_ns = 0 if since is None else console.clock.now_ns() - round(since * NANOSECONDS_PER_SECOND)
    wanted = Wanted(since_ns, level, processes, None if grep is None else pattern_of(grep))
    newest = NEWEST if lines is None and since is None else lines
    asyncio.run(_show(invocation, wanted, newest, follow=follow, as_json=as_json))


async def _show(invocation: Invocation, wanted: Wanted, newest: int | None, *, follow: bool, as_json: bool) -> None:
    shown = False
    async for line in invocation.console().service_log(wanted, newest=newest, follow=follow):
        shown = True
        _show_line(line, as_json=as_json)
    if not shown and not as_json:
        folder = invocation.console().config.paths.logs
        why = "nothing there fits" if folder.exists() else "nothing was logged yet"
        click.echo(f"No lines in {escape(str(folder))}: {why}.", err=True)


def _show_line(line: LogLine, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(line.as_json()) + "\n")
        sys.stdout.flush()
        return
    from quri_console.render.service_log import service_line

    show_lines([service_line(line)])
