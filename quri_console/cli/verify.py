"""`quri-console verify`: read backups again and compare every byte with the manifest."""

from __future__ import annotations

import sys

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.options import Duration
from quri_console.cli.output import BarProgress, progress_to, show_json, show_lines
from quri_console.errors import ExitCode, UsageError
from quri_console.progress import Progress


@click.command("verify")
@click.argument("backup", required=False)
@click.argument("canister", required=False)
@click.option("--all", "every", is_flag=True, help="Verify every backup in the repository.")
@click.option("--wait", type=Duration(), default="0s", metavar="DURATION", help="Wait so long for a lock of others.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
@click.pass_obj
def command(
    invocation: Invocation, backup: str | None, canister: str | None, every: bool, wait: float, as_json: bool
) -> int:
    """Read all that BACKUP (a name from `list`, or `latest`) consists of, and compare every byte with its digest.

    A backup is read whole: a CANISTER behind it, as in latest/CANISTER, means the newest backup that holds it.

    Damage is named with the canisters that it reaches; the exit code is then 13. The result is noted beside the
    backup. `check --read-data` reads the whole repository in less time than --all.

    \b
    Examples:
      quri-console verify latest
      quri-console verify --all
    """
    from quri_console.render.check_report import verification_json, verification_lines

    if (backup is None) == (not every):
        raise UsageError("verify needs one backup or --all", next_step="`quri-console list` shows the backups.")
    if backup is not None and canister:
        backup = f"{backup}/{canister}"
    console = invocation.console()
    progress = progress_to(sys.stderr, "json" if as_json else None)
    found = []
    try:
        for verification in (
            console.verify_all(progress, wait_seconds=wait)
            if backup is None
            else (console.verify(backup, progress, wait_seconds=wait),)
        ):
            found.append(verification)
            if not as_json:
                _close(progress)
                show_lines(verification_lines(verification))
    finally:
        _close(progress)
    if as_json:
        show_json({"backups": [verification_json(verification) for verification in found]})
    return int(ExitCode.OK if all(verification.ok for verification in found) else ExitCode.CORRUPTION)


def _close(progress: Progress) -> None:
    if isinstance(progress, BarProgress):
        progress.close()
