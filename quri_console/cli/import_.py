"""`quri-console import`: take over backups that lie elsewhere."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import BarProgress, progress_to, say, show_error, show_json
from quri_console.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from quri_console.backup.import_backup import Imported
    from quri_console.service.imports import NotImported


class Moment(click.ParamType[datetime]):
    """A time in UTC."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError as error:
            raise UsageError(f"{value!r} is no time", next_step="Write it like 2025-01-24T02:00:00Z.") from error
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@click.command("import")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option("--canister", metavar="ID", help="Whose snapshot directory it is: an id, or a name of the configuration.")
@click.option("--name", metavar="NAME", help="What the canister of a snapshot directory is called in the backup.")
@click.option("--network", metavar="NAME", help="The network of what does not say its own; else the one in use.")
@click.option("--taken-at", type=Moment(), metavar="TIME", help="When it was taken, in UTC, instead of what it says.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    paths: tuple[Path, ...],
    as_json: bool,
    **wishes: Any,
) -> int:
    """Take over what lies at each PATH; every byte is checked, and each becomes a backup named after its own time.

    \b
    PATH may be
      a snapshot directory of icp or dfx (metadata.json); a folder called like its canister needs no --canister
      a backup of this tool's first version (backups/<time>/ with MANIFEST.toml)
      a backup of the old scripts (YYYYMMDD_HHMMSS/ or its .tar.gz): texts only, nothing can be restored from it
      an archive (.tar.zst) of `quri-console archive`
      a folder of these

    What is in the repository already is not stored twice. What is hostile in it (links, devices, paths that lead out)
    is refused.

    \b
    Examples:
      quri-console import rune-engine-snapshot --canister rune-engine
      quri-console import /mnt/old/backups
      quri-console import 20250124T020000Z.tar.zst --json
    """
    from quri_console.service.imports import ImportWishes, NotImported

    progress = progress_to(sys.stderr, "json" if as_json else None)
    results: list[Imported | NotImported] = []
    try:
        for result in invocation.console().import_backups(paths, ImportWishes(**wishes), progress):
            if isinstance(progress, BarProgress):
                progress.close()
            results.append(result)
            if not as_json:
                _tell(result)
    finally:
        if isinstance(progress, BarProgress):
            progress.close()
    if as_json:
        show_json({"imports": [_as_plain(result) for result in results]})
    failures = [result.error for result in results if isinstance(result, NotImported)]
    if failures and len(failures) == len(results):
        return int(failures[0].exit_code)
    left_out = any(not isinstance(result, NotImported) and result.left_out for result in results)
    return int(ExitCode.PARTIAL if failures or left_out else ExitCode.OK)


def _tell(result: Imported | NotImported) -> None:
    from quri_console.render.escape import escape
    from quri_console.service.imports import NotImported
    from quri_console.units import format_bytes

    if isinstance(result, NotImported):
        show_error(result.error)
        return
    path, names = escape(str(result.path)), ", ".join(map(escape, result.canisters))
    if not result.fresh:
        say(f"{path} is there already as {result.set_name} ({names}).")
    else:
        new = "" if result.new_bytes is None else f", {format_bytes(result.new_bytes)} of it new"
        size = f": {format_bytes(result.state_bytes)} of state{new}" if result.state_bytes else ", without state"
        say(f"Imported {path} as {result.set_name} ({names}){size}.")
    for note in result.notes:
        say(f"  note: {escape(note)}", role="muted")
    for text in result.left_out:
        say(f"  left out: {escape(text)}", role="status-warning")


def _as_plain(result: Imported | NotImported) -> dict[str, Any]:
    from quri_console.service.imports import NotImported

    if isinstance(result, NotImported):
        error = result.error
        return {"path": str(result.path), "error": error.what, "why": error.why, "next": error.next_step}
    return {
        "path": str(result.path),
        "kind": result.kind,
        "backup": result.set_name,
        "fresh": result.fresh,
        "canisters": list(result.canisters),
        "state_bytes": result.state_bytes,
        "new_bytes": result.new_bytes,
        "notes": list(result.notes),
        "left_out": list(result.left_out),
    }
