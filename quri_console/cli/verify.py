"""`quri-console verify`: read backups again and compare every byte with the manifest."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import BarProgress, progress_to, say, show_json
from quri_console.errors import ExitCode, QuriError, UsageError
from quri_console.render.escape import escape
from quri_console.units import format_bytes

if TYPE_CHECKING:
    from quri_console.backup.browse import Verification
    from quri_console.progress import Progress


@click.command("verify")
@click.argument("backup", required=False)
@click.option("--all", "every", is_flag=True, help="Verify every backup in the repository.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
@click.pass_obj
def command(invocation: Invocation, backup: str | None, every: bool, as_json: bool) -> int:
    """Read every file of BACKUP (a name from `list`, or `latest`) and compare it with the manifest.

    Damage is named by file and canister; the exit code is then 13.
    """
    if (backup is None) == (not every):
        raise UsageError("verify needs one backup or --all", next_step="`quri-console list` shows the backups.")
    root = invocation.console().config.repository.path
    names = _all_names(root) if every else [backup or ""]
    progress = progress_to(sys.stderr, "json" if as_json else None)
    results = [_verify(root, name, progress) for name in names]
    if isinstance(progress, BarProgress):
        progress.close()
    if as_json:
        show_json({"backups": [_as_plain(*result) for result in results]})
    else:
        for name, outcome in results:
            _tell(name, outcome)
    damaged = [outcome for _, outcome in results if isinstance(outcome, QuriError)]
    return int(damaged[0].exit_code if damaged else ExitCode.OK)


def _all_names(root: Path) -> list[str]:
    from quri_console.backup.browse import find_set, list_backups

    # a repository that vanished must not pass for one in which all is well
    return [summary.name for summary in list_backups(root)] or [find_set(root).name]


def _verify(root: Path, name: str, progress: Progress) -> tuple[str, Verification | QuriError]:
    from quri_console.backup.browse import find_set, verify_backup

    try:
        path = find_set(root, name)
        return path.name, verify_backup(path, progress)
    except QuriError as error:
        return name, error


def _as_plain(name: str, outcome: Verification | QuriError) -> dict[str, Any]:
    if isinstance(outcome, QuriError):
        return {"name": name, "ok": False, "error": outcome.what, "why": outcome.why, "next": outcome.next_step}
    return {
        "name": name,
        "ok": True,
        "files": outcome.files,
        "bytes": outcome.total_bytes,
        "canisters": list(outcome.canisters),
    }


def _tell(name: str, outcome: Verification | QuriError) -> None:
    if isinstance(outcome, QuriError):
        from quri_console.cli.output import show_error

        show_error(outcome)
        return
    names = ", ".join(escape(canister) for canister in outcome.canisters)
    say(f"{name}: {outcome.files} files, {format_bytes(outcome.total_bytes)} are what the manifest says ({names}).")
