"""`quri-console import`: take over backups that lie elsewhere."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import BarProgress, progress_to, say, show_error, show_json, show_lines
from quri_console.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from quri_console.service.import_ends import ImportEnd
    from quri_console.service.imports import NotImported


HISTORY = Path("history")
"""As the first PATH it says that files of the old monitoring script follow; a folder of that name is `./history`."""


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
      a snapshot directory of icp or dfx (metadata.json); --canister tells
        whose it is, unless the folder is called like its canister
      a backup of this tool's first version (backups/<time>/ with MANIFEST.toml)
      a backup of the old scripts (YYYYMMDD_HHMMSS/ or its .tar.gz): texts only,
        nothing can be restored from it
      an archive (.tar.zst) of `quri-console archive`
      a folder of these

    `import history FILE` takes over a cycles_history.json of the old monitoring
    script instead: its balances go into the history of this machine.

    What is in the repository already is not stored twice. What is hostile in it (links, devices, paths that lead out)
    is refused.

    \b
    Examples:
      quri-console import rune-engine-snapshot --canister rune-engine
      quri-console import /mnt/old/backups
      quri-console import 20250124T020000Z.tar.zst --json
      quri-console import history cycles_history.json
    """
    if paths[0] == HISTORY and len(paths) > 1:
        return _import_history(invocation, paths[1:], as_json=as_json)
    from quri_console.render.ends import next_line, unencrypted_lines
    from quri_console.service.import_ends import ImportEnd
    from quri_console.service.imports import ImportWishes, NotImported

    progress = progress_to(sys.stderr, "json" if as_json else None)
    results: list[ImportEnd | NotImported] = []
    try:
        for result in invocation.console().import_backups(paths, ImportWishes(**wishes), progress):
            if isinstance(progress, BarProgress):
                progress.close()
            assert isinstance(result, ImportEnd | NotImported)
            results.append(result)
            if not as_json:
                _tell(result)
    finally:
        if isinstance(progress, BarProgress):
            progress.close()
    if as_json:
        show_json({"imports": [_as_plain(result) for result in results]})
    elif taken_over := [result for result in results if isinstance(result, ImportEnd)]:
        if any(result.first_in_clear for result in taken_over):
            show_lines(unencrypted_lines())
        show_lines([next_line(_next_command(taken_over[-1]))])
    failures = [result.error for result in results if isinstance(result, NotImported)]
    if failures and len(failures) == len(results):
        return int(failures[0].exit_code)
    left_out = any(not isinstance(result, NotImported) and result.left_out for result in results)
    return int(ExitCode.PARTIAL if failures or left_out else ExitCode.OK)


def _tell(result: ImportEnd | NotImported) -> None:
    from quri_console.render.escape import escape
    from quri_console.service.imports import NotImported

    if isinstance(result, NotImported):
        show_error(result.error)
        return
    path, names = escape(str(result.path)), ", ".join(map(escape, result.canisters))
    if not result.fresh:
        say(f"{path} is there already as {result.set_name} ({names}).")
    else:
        say(f"Imported {path} as {result.set_name} ({names})")
        say(f"  {_sizes(result)}")
    if result.name_taken:
        say(f"  {result.name_taken}, the name of its own time, is that of {escape(result.name_holder)};")
        say(f"  so this one is called {result.set_name}.")
    for note in result.notes:
        say(f"  note: {escape(note)}", role="muted")
    for text in result.left_out:
        say(f"  left out: {escape(text)}", role="status-warning")


def _sizes(result: ImportEnd) -> str:
    from quri_console.render.ends import lasted
    from quri_console.units import format_bytes

    new = "" if result.new_bytes is None else f", {format_bytes(result.new_bytes)} of it new"
    size = f"{format_bytes(result.state_bytes)} of state{new}" if result.state_bytes else "without state"
    return f"{size}, {format_bytes(result.stored_bytes)} stored, in {lasted(result.duration_seconds)}"


def _next_command(result: ImportEnd) -> str:
    """Reading it again, or looking at what cannot be restored from."""
    return f"quri-console {'verify' if result.state_bytes else 'show'} {result.set_name}"


def _as_plain(result: ImportEnd | NotImported) -> dict[str, Any]:
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
        "stored_bytes": result.stored_bytes,
        "duration_seconds": result.duration_seconds,
        "name_taken": result.name_taken or None,
        "name_holder": result.name_holder or None,
        "first_in_clear": result.first_in_clear,
        "notes": list(result.notes),
        "left_out": list(result.left_out),
        "next": _next_command(result),
    }


def _import_history(invocation: Invocation, files: Sequence[Path], *, as_json: bool) -> int:
    from quri_console.render.escape import escape

    console = invocation.console()
    results = [asyncio.run(console.import_history(path)) for path in files]
    if as_json:
        show_json(
            [
                {
                    "path": str(found.path),
                    "added": found.added,
                    "skipped": found.skipped,
                    "problems": [{"line": problem.line, "text": problem.text} for problem in found.problems],
                }
                for found in results
            ]
        )
    else:
        for found in results:
            there = f", {found.skipped} were there already" if found.skipped else ""
            say(f"{escape(str(found.path))}: {found.added} balances added{there}.")
            for problem in found.problems:
                say(
                    f"  {f'line {problem.line}: ' if problem.line else ''}{escape(problem.text)}", role="status-warning"
                )
    return int(ExitCode.PARTIAL if any(found.problems for found in results) else ExitCode.OK)
