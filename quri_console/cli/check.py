"""`quri-console check`: whether everything in the repository is as it was written."""

from __future__ import annotations

import sys

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.options import Duration
from quri_console.cli.output import BarProgress, progress_to, show_json, show_lines
from quri_console.errors import ExitCode, UsageError


@click.command("check")
@click.option("--read-data", is_flag=True, help="Read every pack, too, and compare every chunk with its name.")
@click.option(
    "--subset",
    metavar="N/T|PERCENT|SIZE",
    help="Read only that much: 2/7 (the second of seven parts), 5% or 10G (a sample of what was not read for longest).",
)
@click.option(
    "--max-duration",
    type=Duration(),
    metavar="DURATION",
    help="Stop reading packs after that; the next run goes on where this one ended.",
)
@click.option("--no-key", is_flag=True, help="Check an encrypted repository without its key, as far as that goes.")
@click.option("--wait", type=Duration(), default="0s", metavar="DURATION", help="Wait so long for a lock of others.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    read_data: bool,
    subset: str | None,
    max_duration: float | None,
    no_key: bool,
    wait: float,
    as_json: bool,
) -> int:
    """Compare everything in the repository with its digests, and name the backups that damage reaches.

    Without --read-data all is checked but the content of packs, which takes seconds. Damage has exit code 13; the
    result is noted beside the backups, so that `list` shows it.

    \b
    Examples:
      quri-console check
      quri-console check --read-data
      quri-console check --read-data --max-duration 30m
      quri-console check --read-data --subset 5%
    """
    from quri_console.render.check_report import check_json, check_lines
    from quri_console.repository.check_selection import parse_selection
    from quri_console.service.checks import CheckRequest

    if not read_data and (subset is not None or max_duration is not None):
        raise UsageError("--subset and --max-duration go with --read-data")
    request = CheckRequest(
        read_data=read_data,
        selection=None if subset is None else parse_selection(subset),
        max_seconds=max_duration,
        without_key=no_key,
        wait_seconds=wait,
    )
    progress = progress_to(sys.stderr, "json" if as_json else None)
    try:
        report = invocation.console().check(request, progress)
    finally:
        if isinstance(progress, BarProgress):
            progress.close()
    if as_json:
        show_json(check_json(report))
    else:
        show_lines(check_lines(report))
    code = report.exit_code
    return int(ExitCode.OK if no_key and code == ExitCode.WRONG_KEY else code)
