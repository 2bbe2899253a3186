"""`quri-console monitor`: one round, judged; for cron, Nagios and a quick look."""

from __future__ import annotations

import asyncio

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import say, show_json
from quri_console.errors import QuriError, UsageError


@click.command("monitor")
@click.option("--json", "as_json", is_flag=True, help="One JSON document; times in UTC, cycles as whole numbers.")
@click.option("--quiet", "-q", is_flag=True, help="Print only what is not well; nothing when all is.")
@click.option("--nagios", is_flag=True, help="One line with performance data, as Nagios and its kin read it.")
@click.option("--notify", is_flag=True, help="Also judge alerts and send what is due to the configured channels.")
@click.pass_obj
def command(invocation: Invocation, as_json: bool, quiet: bool, nagios: bool, notify: bool) -> int:
    """Ask the network once about every canister, keep the samples, and judge them.

    The exit code is the fleet's health: 0 healthy, 1 warning, 2 critical, 3 unknown, and 3 also for
    wrong usage, a faulty configuration and internal errors. With `watch` running elsewhere there is
    no need for --notify: alerts live in the shared history, and nobody is told twice.

    \b
    Examples:
      quri-console monitor
      quri-console monitor --quiet || echo "look at the canisters"
      quri-console monitor --nagios
      0 * * * *  quri-console monitor --quiet --notify      (in a crontab)
    """
    if as_json + quiet + nagios > 1:
        raise UsageError("--json, --quiet and --nagios exclude each other", next_step="Choose one of them.")
    from quri_console.render.nagios import nagios_code, nagios_failure, nagios_line

    try:
        console = invocation.console()
        fleet = asyncio.run(console.monitor_once(notify=notify))
    except QuriError as error:
        if nagios:
            # Nagios reads standard output and nothing else
            say(nagios_failure(error))
        raise
    if as_json:
        from quri_console.cli.status import fleet_document

        show_json(fleet_document(fleet))
    elif nagios:
        say(nagios_line(fleet, {canister.id: canister.thresholds for canister in console.config.canisters}))
    else:
        from quri_console.cli.status import show_fleet, show_unwell

        (show_unwell if quiet else show_fleet)(fleet)
    return nagios_code(fleet)
