"""`quri-console repair`: put right what can be put right in a damaged repository, and put away what cannot."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.options import Duration
from quri_console.cli.output import BarProgress, progress_to, show_json, show_lines
from quri_console.errors import ExitCode
from quri_console.progress import Progress

DRY_RUN = click.option("--dry-run", is_flag=True, help="Show what would be done, and change nothing.")
WAIT = click.option(
    "--wait", type=Duration(), default="0s", metavar="DURATION", help="Wait so long for others who use the repository."
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress to standard error.")


@click.group("repair")
def command() -> None:
    """Repair a damaged repository. `quri-console check` tells what is needed.

    Nothing is deleted that could be read: damaged packs and marks are moved to trash/quarantine. Damaged manifests and
    records cannot be made anew; the backups they belong to are lost, and others are not affected.

    \b
    Examples:
      quri-console check --read-data
      quri-console repair packs --dry-run
    """


@contextmanager
def _progress(as_json: bool) -> Iterator[Progress]:
    progress = progress_to(sys.stderr, "json" if as_json else None)
    try:
        yield progress
    finally:
        if isinstance(progress, BarProgress):
            progress.close()


@command.command("index")
@DRY_RUN
@WAIT
@AS_JSON
@click.pass_obj
def index(invocation: Invocation, dry_run: bool, wait: float, as_json: bool) -> int:
    """Make the index anew from the headers of the packs; needs no key.

    \b
    Example:
      quri-console repair index --dry-run
    """
    from quri_console.render.repair_report import index_repair_json, index_repair_lines

    with _progress(as_json) as progress:
        repair = invocation.console().repair_index(progress, dry_run=dry_run, wait_seconds=wait)
    if as_json:
        show_json(index_repair_json(repair))
    else:
        show_lines(index_repair_lines(repair))
    return int(ExitCode.CORRUPTION if repair.unreadable else ExitCode.OK)


@command.command("packs")
@click.argument("packs", nargs=-1, metavar="[PACK]...")
@DRY_RUN
@WAIT
@AS_JSON
@click.pass_obj
def packs(invocation: Invocation, packs: tuple[str, ...], dry_run: bool, wait: float, as_json: bool) -> int:
    """Put damaged packs away after storing anew what can be read of them.

    Reads each PACK (how its name begins), all of them when none is named. Backups that need what is lost are named;
    the exit code is then 13. A new backup stores anew what a canister still holds of it, which heals older backups.

    \b
    Examples:
      quri-console repair packs --dry-run
      quri-console repair packs 3f2a --wait 10m
    """
    from quri_console.render.repair_report import packs_repair_json, packs_repair_lines

    with _progress(as_json) as progress:
        repair = invocation.console().repair_packs(packs, progress, dry_run=dry_run, wait_seconds=wait)
    if as_json:
        show_json(packs_repair_json(repair))
    else:
        show_lines(packs_repair_lines(repair))
    return int(ExitCode.CORRUPTION if repair.lost_chunks else ExitCode.OK)


@command.command("marks")
@DRY_RUN
@WAIT
@AS_JSON
@click.pass_obj
def marks(invocation: Invocation, dry_run: bool, wait: float, as_json: bool) -> int:
    """Put damaged marks away, with a hold in their place. One of them might have been a pin.

    \b
    Example:
      quri-console repair marks --dry-run
    """
    from quri_console.render.repair_report import marks_repair_json, marks_repair_lines

    repair = invocation.console().repair_marks(dry_run=dry_run, wait_seconds=wait)
    if as_json:
        show_json(marks_repair_json(repair))
    else:
        show_lines(marks_repair_lines(repair))
    return int(ExitCode.OK)


@command.command("locks")
@DRY_RUN
@AS_JSON
@click.pass_obj
def locks(invocation: Invocation, dry_run: bool, as_json: bool) -> int:
    """Remove locks of processes that are gone. Locks that cannot be read go, too.

    \b
    Example:
      quri-console repair locks --dry-run
    """
    from quri_console.render.repair_report import locks_repair_json, locks_repair_lines

    removed, left = invocation.console().repair_locks(dry_run=dry_run)
    if as_json:
        show_json(locks_repair_json(removed, left, dry_run=dry_run))
    else:
        show_lines(locks_repair_lines(removed, left, dry_run=dry_run))
    return int(ExitCode.OK)
