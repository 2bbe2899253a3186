"""`quri-console report`: what happened, for people who were not there."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import cast

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.options import Duration
from quri_console.cli.output import say
from quri_console.report.forms import ReportForm, report_text
from quri_console.report.model import ReportKind


@click.command("report")
@click.argument("kind", type=click.Choice(["daily", "weekly", "compliance"]))
@click.option("--since", type=Duration(), metavar="TIME", help="How far back: 12h, 30d, 52w.")
@click.option(
    "--format", "form", type=click.Choice(["md", "html", "json", "csv"]), default="md", show_default=True,
    help="Markdown, one self-contained page, JSON, or a CSV table a section.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Into a new file.")
@click.pass_obj
def command(invocation: Invocation, kind: str, since: float | None, form: str, as_json: bool, out: Path | None) -> None:
    """Report on the fleet: daily (one day), weekly (seven) or compliance (90).

    Health and burn; backups against policy with the gaps that were achieved; verifications, rehearsals and
    restores with measured times; alerts and how long nobody answered; retention and deletions with who and
    why; changes of controllers; canisters without a backup; the audit log's newest hash and whether the log
    is what was written. What cannot be told is said, too.

    Comes from the history, the repository and the audit log; the network is not asked, no key is needed.

    \b
    Examples:
      quri-console report daily
      quri-console report weekly --format html --out weekly.html
      quri-console report compliance --since 52w --json
    """
    chosen = cast("ReportForm", "json" if as_json else form)
    console = invocation.console()
    text = report_text(asyncio.run(console.report(cast("ReportKind", kind), since_seconds=since)), chosen)
    if out is None:
        sys.stdout.write(text)
    else:
        say(f"Written: {console.save_export(out.absolute(), text)}")
