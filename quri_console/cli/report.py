"""`quri-console report`: what happened, for people who were not there."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.options import Duration
from quri_console.cli.output import say
from quri_console.errors import ExitCode, QuriError, UsageError
from quri_console.render.escape import escape
from quri_console.report.forms import ReportForm, report_text
from quri_console.report.model import ReportKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quri_console.console import Console
    from quri_console.history.outbox import Message


@click.command("report")
@click.argument("kind", type=click.Choice(["daily", "weekly", "compliance"]))
@click.option("--since", type=Duration(), metavar="TIME", help="How far back: 12h, 30d, 52w.")
@click.option(
    "--format", "form", type=click.Choice(["md", "html", "json", "csv"]), default="md", show_default=True,
    help="Markdown, one self-contained page, JSON, or a CSV table a section.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Into a new file.")
@click.option("--send", "channels", multiple=True, metavar="CHANNEL", help="Send a short summary there; repeatable.")
@click.pass_obj
def command(
    invocation: Invocation,
    kind: str,
    since: float | None,
    form: str,
    as_json: bool,
    out: Path | None,
    channels: tuple[str, ...],
) -> int:
    """Report on the fleet: daily (one day), weekly (seven) or compliance (90).

    Health and burn; backups against policy with the gaps that were achieved; verifications, rehearsals and
    restores with measured times; alerts and how long nobody answered; retention and deletions with who and
    why; changes of controllers; canisters without a backup; the audit log's newest hash and whether the log
    is what was written. What cannot be told is said, too.

    Comes from the history, the repository and the audit log; the network is not asked, no key is needed.
    Exit code 3 when a channel of --send has not taken the summary yet; it is then tried for a day, as alerts are.

    \b
    Examples:
      quri-console report daily
      quri-console report weekly --format html --out weekly.html
      quri-console report compliance --since 52w --json
      quri-console report daily --out today.md --send ops
    """
    if since is not None and since <= 0:
        raise UsageError("--since leaves no time to report on", next_step="Write it like 12h, 30d or 52w.")
    chosen = cast("ReportForm", "json" if as_json else form)
    console = invocation.console()
    for channel in channels:
        console.config.channel(channel)
    report = asyncio.run(console.report(cast("ReportKind", kind), since_seconds=since))
    text, written = report_text(report, chosen), None
    if out is None:
        sys.stdout.write(text)
    else:
        written = _save(console, out, text)
        say(f"Written: {escape(str(written))}")
    return _tell(asyncio.run(console.send_report(report, channels, written)) if channels else ())


def _save(console: Console, out: Path, text: str) -> Path:
    from quri_console.effects.durable import StateFolderUnusable

    try:
        return console.save_export(out.absolute(), text)
    except StateFolderUnusable as error:
        # it is no folder of ours: [paths], which the failure speaks of, does not move it
        raise QuriError(error.what, why=error.why, next_step="Name a file that can be written: --out FILE.") from error


def _tell(missing: Sequence[Message]) -> int:
    for message in missing:
        state = "it waits and is tried again" if message.state == "waiting" else "it was given up"
        why = f": {escape(message.error)}" if message.error else ""
        sys.stderr.write(f"{escape(message.channel)} has not taken the summary; {state}{why}\n")
    return int(ExitCode.PARTIAL if missing else ExitCode.OK)
