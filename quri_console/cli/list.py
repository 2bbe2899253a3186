"""`quri-console list`: the backups in the repository."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import TableCell, say, show_json, show_table
from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.render.ages import short_age
from quri_console.render.escape import escape
from quri_console.units import format_bytes

if TYPE_CHECKING:
    from quri_console.backup.browse import BackupSummary


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(invocation: Invocation, as_json: bool) -> None:
    """List the backups in the repository, newest first."""
    from quri_console.backup.browse import list_unfinished

    console = invocation.console()
    summaries = console.backups()
    if as_json:
        show_json(
            {"repository": str(console.config.repository.path), "backups": [as_plain(item) for item in summaries]}
        )
        return
    if not summaries:
        say(f"No backups yet in {escape(str(console.config.repository.path))}. `quri-console backup` takes one.")
    else:
        headings = ("BACKUP", "AGE", "NETWORK", "CANISTERS", "SIZE", "STATE")
        show_table(headings, [_row(summary) for summary in summaries], right=(1, 4))
    for path in list_unfinished(console.config.repository.path):
        say(
            f"Not a backup: {escape(str(path))} was never finished. Delete it unless a backup is running.", role="muted"
        )


def as_plain(summary: BackupSummary) -> dict[str, Any]:
    """A summary as JSON values: times in ISO 8601, digests in hex, sizes in bytes."""
    return {
        "name": summary.name,
        "path": str(summary.path),
        "taken_at": summary.taken_at.isoformat(),
        "network": summary.network,
        "root_key_sha256": summary.root_key_hash.hex(),
        "state": state_word(summary),
        "stored_bytes": summary.stored_bytes,
        "canisters": [
            {
                "name": entry.name,
                "id": entry.canister_id,
                "taken_at": entry.taken_at.isoformat(),
                "mode": entry.mode,
                "state_bytes": entry.state_bytes,
                "module_sha256": entry.module_hash.hex(),
            }
            for entry in summary.canisters
        ],
        "failures": list(summary.failures),
        "damage": summary.damage,
    }


def state_word(summary: BackupSummary) -> str:
    """`whole`, `partial` or `damaged`."""
    if summary.damage is not None:
        return "damaged"
    return "partial" if summary.partial else "whole"


def _row(summary: BackupSummary) -> tuple[TableCell, ...]:
    taken_ns = int(summary.taken_at.timestamp()) * NANOSECONDS_PER_SECOND
    names = ", ".join(escape(entry.name) for entry in summary.canisters)
    word = state_word(summary)
    role = {"whole": "status-ok", "partial": "status-warning", "damaged": "status-critical"}[word]
    return (
        summary.name,
        short_age(taken_ns, time.time_ns()),
        escape(summary.network) or "–",
        names or "–",
        format_bytes(summary.stored_bytes) if summary.damage is None else "–",
        (word, role),
    )
