"""`quri-console history`: what is known of a canister, as a table, chart, CSV or JSON."""

from __future__ import annotations

import asyncio
import shutil
import sys

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.options import Duration
from quri_console.cli.output import line_width, say, show_json, show_table
from quri_console.errors import UsageError
from quri_console.monitor.series import Resolution
from quri_console.render.escape import escape
from quri_console.units import DAY_SECONDS

CHART_HEIGHT = 18
USUAL_WIDTH = 80


@click.command("history")
@click.argument("canister")
@click.option("--since", type=Duration(), default=float(DAY_SECONDS), help="How far back: 12h, 7d, 52w. Default 1d.")
@click.option(
    "--resolution",
    type=click.Choice(["auto", "raw", "hour", "day"]),
    default="auto",
    help="One line per sample, hour or day; auto chooses by --since.",
)
@click.option("--csv", "as_csv", is_flag=True, help="CSV for spreadsheets; times in UTC, cycles as whole numbers.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--plot", is_flag=True, help="A chart of the balance.")
@click.pass_obj
def command(
    invocation: Invocation, canister: str, since: float, resolution: Resolution, as_csv: bool, as_json: bool, plot: bool
) -> None:
    """Show a canister's balance, burn, top-ups, memory and events over time.

    Comes from the history on this machine; the network is not asked. Intervals in which the
    balance rose hold a top-up and are left out of the burn.

    \b
    Examples:
      quri-console history rune-engine
      quri-console history rune-engine --since 30d --plot
      quri-console history registry --since 52w --resolution day --csv > registry.csv
    """
    if as_csv + as_json + plot > 1:
        raise UsageError("--csv, --json and --plot exclude each other", next_step="Choose one of them.")
    console = invocation.console()
    found = asyncio.run(console.canister_history(canister, since_seconds=since, resolution=resolution))
    from quri_console.render import history as rendered

    if as_json:
        show_json(rendered.history_document(found))
    elif as_csv:
        sys.stdout.write(rendered.history_csv(found))
    elif not found.points:
        say(f"Nothing is known of {escape(found.name)} in that time. `quri-console monitor` takes a sample.")
    else:
        width = line_width(sys.stdout) or USUAL_WIDTH
        if plot:
            height = min(CHART_HEIGHT, shutil.get_terminal_size().lines - 2)
            say(rendered.history_chart(found, width, height) or "One balance alone makes no chart.")
        else:
            show_table(rendered.COLUMNS, list(rendered.history_rows(found)), right=range(1, 7))
        for sentence in rendered.history_events(found):
            say(sentence, role="muted")
