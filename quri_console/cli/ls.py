"""`quri-console ls`: the files of a backup, with their sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import show_json, show_table
from quri_console.errors import UsageError

if TYPE_CHECKING:
    from quri_console.backup.browse import StoredCanister


@click.command("ls")
@click.argument("path", metavar="BACKUP[/CANISTER]")
@click.argument("canister", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(invocation: Invocation, path: str, canister: str | None, as_json: bool) -> None:
    """List the files of BACKUP, or of one CANISTER (name or id) in it, with their sizes in bytes.

    BACKUP may be `latest`: with a CANISTER, the newest backup that holds it.

    Records are what was noted of a canister; the .bin files are its module, its memories and its chunk store, each as
    large as on chain. `quri-console cat` writes any of them out.

    \b
    Examples:
      quri-console ls latest
      quri-console ls 20250124T020000Z/rune-engine --json
      quri-console ls latest rune-engine
    """
    from quri_console.render.escape import escape

    path = f"{path}/{canister}" if canister else path
    _, _, wanted = path.partition("/")
    if "/" in wanted:
        raise UsageError(
            f"{path!r} names a file", next_step=f"Write BACKUP or BACKUP/CANISTER; `quri-console cat {path}` reads it."
        )
    backup = invocation.console().backup(path)
    stored = (backup.canister(wanted),) if wanted else backup.canisters()
    rows = [row for one in stored for row in _rows(one)]
    if as_json:
        files = [{"path": path, "kind": kind, "size": size} for path, kind, size in rows]
        show_json({"name": backup.name, "files": files})
        return
    lines = [(f"{size:,}", kind, escape(f"{backup.name}/{path}")) for path, kind, size in rows]
    show_table(("SIZE", "KIND", "FILE"), lines, right=(0,))


def _rows(stored: StoredCanister) -> list[tuple[str, str, int]]:
    """Path below the backup, kind, and size."""
    from quri_console.backup.contents import content_files

    return [(f"{stored.entry.folder}/{file.name}", file.kind, file.size) for file in content_files(stored)]
