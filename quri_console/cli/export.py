"""`quri-console export`: a canister's copy as a directory that the official tools upload."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import BarProgress, progress_to, say, show_json, show_lines

_BLOCK_BYTES = 512


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
    from quri_console.render.ends import lasted, next_line
    from quri_console.render.escape import escape
    from quri_console.units import format_bytes

    progress = progress_to(sys.stderr, "json" if as_json else None)
    console = invocation.console()
    started = console.clock.monotonic()
    with console.held_backup(f"{backup}/{canister}", f"export {backup}") as (opened, still_held):
        stored = opened.canister(canister)
        try:
            exported = export_state(stored, to, progress, still_held)
        finally:
            if isinstance(progress, BarProgress):
                progress.close()
    seconds = console.clock.monotonic() - started
    on_disk = _on_disk(exported.path)
    upload = f"icp canister snapshot upload {stored.canister.to_str()} -i {shlex.quote(str(to))}"
    restore = f"quri-console restore {shlex.quote(stored.name)} --from {stored.set_name} --dry-run"
    following = restore if exported.refused_by_icp else upload
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
                "disk_bytes": on_disk,
                "duration_seconds": seconds,
                "next": following,
            }
        )
        return
    say(f"Wrote {escape(stored.label)} into {escape(str(to))}")
    sizes = f"{format_bytes(exported.state_bytes)} of state, {format_bytes(on_disk)} on the disk"
    files = f"{exported.files} file{'' if exported.files == 1 else 's'}"
    say(f"  {sizes} in {files}, every byte compared, in {lasted(seconds)}")
    if exported.refused_by_icp:
        text = f"icp will refuse it. {exported.refused_by_icp}; `quri-console restore` takes it as it is."
        say(text, role="status-warning")
    show_lines([next_line(following)])


def _on_disk(folder: Path) -> int:
    """What the files take, holes left out."""
    return sum(path.stat().st_blocks * _BLOCK_BYTES for path in folder.rglob("*") if path.is_file())
