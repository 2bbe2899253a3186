"""`quri-console rehearse`: try backups on this machine before they are needed."""

from __future__ import annotations

import sys

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.options import Duration
from quri_console.cli.output import BarProgress, line_width, progress_to, say, show_json, show_lines
from quri_console.errors import ExitCode, UsageError
from quri_console.progress import Progress


@click.command("rehearse")
@click.argument("backup", required=False)
@click.option("--canister", metavar="NAME", help="Only this canister of the backup, by name or id.")
@click.option("--all", "every", is_flag=True, help="Every backup with a canister that was not rehearsed yet.")
@click.option("--since", type=Duration(), metavar="DURATION", help="With --all: only backups as young as this.")
@click.option("--wait", type=Duration(), default="0s", metavar="DURATION", help="Wait so long for a lock of others.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
@click.pass_obj
def command(
    invocation: Invocation,
    backup: str | None,
    canister: str | None,
    every: bool,
    since: float | None,
    wait: float,
    as_json: bool,
) -> int:
    """Load BACKUP (a name from `list`, or `latest`) into a sandbox on this machine and ask its health queries.

    Nothing is sent anywhere and no canister is changed. The queries are those of the configuration, else those that
    the backup recorded, else `health` where the module's own interface has it. Replies are compared with those that
    were recorded when the backup was taken.

    passed: all was asked and answered as it should be. failed: damage, or a wrong answer. not rehearsable: the
    sandbox lacks what the module needs, or there is nothing to ask. The result is noted beside the backup.

    Exit codes: 0 passed, 1 failed, 3 something was not rehearsable.

    \b
    Examples:
      quri-console rehearse latest
      quri-console rehearse latest --canister rune-engine
      quri-console rehearse --all --since 30d --json
    """
    if (backup is None) == (not every):
        raise UsageError("rehearse needs one backup or --all", next_step="`quri-console list` shows the backups.")
    if every and canister:
        raise UsageError("--all rehearses whole backups", next_step="Leave --canister out, or name one backup.")
    if since is not None and not every:
        raise UsageError("--since goes with --all", next_step="`quri-console rehearse --all --since 30d`")
    if backup is not None and canister:
        backup = f"{backup.partition('/')[0]}/{canister}"
    return _run(invocation, backup, since, wait, as_json=as_json)


def _run(invocation: Invocation, backup: str | None, since: float | None, wait: float, *, as_json: bool) -> int:
    from quri_console.render.rehearsal import rehearsal_json, rehearsal_lines
    from quri_console.render.spans import wrap_lines

    console = invocation.console()
    progress = progress_to(sys.stderr, "json" if as_json else None)
    width = line_width(sys.stdout)
    found = []
    try:
        for rehearsal in (
            console.rehearse_new(progress, since_seconds=since, wait_seconds=wait)
            if backup is None
            else (console.rehearse(backup, progress, wait_seconds=wait),)
        ):
            found.append(rehearsal)
            if not as_json:
                _close(progress)
                lines = rehearsal_lines(rehearsal)
                show_lines(lines if width is None else wrap_lines(lines, width))
    finally:
        _close(progress)
    if as_json:
        show_json({"backups": [rehearsal_json(rehearsal) for rehearsal in found]})
    elif not found:
        say("Every backup was rehearsed already.")
    verdicts = {rehearsal.verdict for rehearsal in found}
    if "failed" in verdicts:
        return int(ExitCode.FAILED)
    return int(ExitCode.PARTIAL if "not rehearsable" in verdicts else ExitCode.OK)


def _close(progress: Progress) -> None:
    if isinstance(progress, BarProgress):
        progress.close()
