"""`quri-console export`: a canister's copy as a directory that the official tools upload."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import BarProgress, progress_to, say, show_json


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
    from quri_console.backup.export import export_state
    from quri_console.render.escape import escape
    from quri_console.units import format_bytes

    progress = progress_to(sys.stderr, "json" if as_json else None)
    with invocation.console().held_backup(backup, f"export {backup}") as (opened, still_held):
        stored = opened.canister(canister)
        try:
            exported = export_state(stored, to, progress, still_held)
        finally:
            if isinstance(progress, BarProgress):
                progress.close()
    if as_json:
        show_json(
            {
                "backup": stored.set_name,
                "canister": {"name": stored.name, "id": stored.canister.to_str()},
                "directory": str(exported.path),
                "format": "icp",
                "files": exported.files,
                "state_bytes": exported.state_bytes,
                "module_sha256": stored.module_hash.hex(),
                "refused_by_icp": exported.refused_by_icp,
            }
        )
        return
    size = format_bytes(exported.state_bytes)
    say(f"Wrote {escape(stored.label)} into {escape(str(to))}: {size}, every byte compared.")
    if exported.refused_by_icp:
        text = f"icp will refuse it. {exported.refused_by_icp}; `quri-console restore` takes it as it is."
        say(text, role="status-warning")
