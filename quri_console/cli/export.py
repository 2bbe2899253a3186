"""`quri-console export`: a canister's copy as a directory that the official tools upload."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import BarProgress, progress_to, show_json, show_lines
from quri_console.render.exported import exported_json, exported_lines


@click.command("export")
@click.argument("backup")
@click.argument("canister")
@click.option(
    "--to", type=click.Path(path_type=Path), required=True, metavar="DIR", help="The directory to make; it must be new."
)
@click.option(
    "--format",
    "_format",
    type=click.Choice(["icp"]),
    default="icp",
    show_default=True,
    help="icp: what `icp canister snapshot upload` and `dfx canister snapshot upload` take.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
@click.pass_obj
def command(invocation: Invocation, backup: str, canister: str, to: Path, _format: str, as_json: bool) -> None:
    """Write the state of CANISTER in BACKUP (a name from `list`, or `latest`) as a snapshot directory.

    Every byte is compared with its digest on the way, and zeros become holes. Settings and controllers are in no
    snapshot: `quri-console cat BACKUP/CANISTER/status.toml` has them.

    \b
    Examples:
      quri-console export latest rune-engine --to rune-engine-snapshot
      icp canister snapshot upload CANISTER_ID -i rune-engine-snapshot
    """
    progress = progress_to(sys.stderr, "json" if as_json else None)
    try:
        exported = invocation.console().export_copy(backup, canister, to, progress)
    finally:
        if isinstance(progress, BarProgress):
            progress.close()
    if as_json:
        show_json(exported_json(exported))
    else:
        show_lines(exported_lines(exported))
