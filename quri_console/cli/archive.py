"""`quri-console archive`: seal one backup into one portable file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import BarProgress, progress_to, show_json, show_lines
from quri_console.render.archived import archived_lines, import_command

if TYPE_CHECKING:
    from quri_console.repository.archive import Archived


@click.command("archive")
@click.argument("backup")
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="FILE|DIR",
    help="The file to write (….tar.zst), or the folder for BACKUP.tar.zst; the current folder unless given.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
@click.pass_obj
def command(invocation: Invocation, backup: str, to: Path, as_json: bool) -> None:
    """Seal BACKUP (a name from `list`, or `latest`) into one file, BACKUP.tar.zst, to keep or carry elsewhere.

    The file is a small repository of its own with this one backup: as encrypted as it is here, opened by the keys
    of now (a way in that is removed later still opens it), and needing nothing else. Every byte is compared with the
    manifest on the way, and the file is read back before it gets its name.

    The repository keeps the backup. Archiving saves no room in it: packs are compressed and deduplicated from the
    first byte on.

    \b
    Examples:
      quri-console archive latest
      quri-console archive 20250124T020000Z --to /mnt/offsite
    """
    progress = progress_to(sys.stderr, "json" if as_json else None)
    console = invocation.console()
    started = console.clock.monotonic()
    try:
        archived = console.archive(backup, to, progress)
    finally:
        if isinstance(progress, BarProgress):
            progress.close()
    seconds = console.clock.monotonic() - started
    if as_json:
        show_json(as_plain(archived, seconds))
    else:
        show_lines(archived_lines(archived, seconds))


def as_plain(archived: Archived, seconds: float) -> dict[str, object]:
    """An archive as JSON values: sizes in bytes, the digest of the whole file in hex."""
    return {
        "backup": archived.set_name,
        "archive": str(archived.path),
        "encrypted": archived.encrypted,
        "size": archived.size,
        "sha256": archived.sha256.hex(),
        "content_bytes": archived.content_bytes,
        "duration_seconds": seconds,
        "keeps_key_files": archived.encrypted,
        "next": import_command(archived),
    }
