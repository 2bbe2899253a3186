"""`quri-console diff`: what differs between two of backup, archive, snapshot directory, snapshot and live canister."""

from __future__ import annotations

import asyncio
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.options import Duration
from quri_console.cli.output import BarProgress, painted, progress_to, show_json
from quri_console.errors import Cancelled, ExitCode, UsageError

if TYPE_CHECKING:
    from quri_console.backup.comparison import Part
    from quri_console.backup.diff import Approve, Diff
    from quri_console.backup.live_side import ReadingBill
    from quri_console.console import Console

_PARTS: tuple[Part, ...] = ("settings", "module", "interface", "memory")
_NARROWEST, _WIDEST = 40, 120


@dataclass(frozen=True, slots=True)
class DiffOptions:
    """What the command line says besides the two sides."""

    parts: tuple[Part, ...]
    as_json: bool
    all_ranges: bool
    exit_code: bool
    yes: bool
    wait_seconds: float
    take_snapshot: bool


@click.command("diff")
@click.argument("words", nargs=-1, required=True, metavar="A B")
@click.option("--only", type=click.Choice(_PARTS), multiple=True, help="Compare only this; may be given several times.")
@click.option("--pages", is_flag=True, help="Show every changed range of memory, not only the largest.")
@click.option("--exit-code", is_flag=True, help="End with 1 when something differs.")
@click.option(
    "--take-snapshot",
    is_flag=True,
    help="Take the live canister's state first, as a backup while it runs, so that memory, globals and certified data "
    "can be compared; on a production network take the backup yourself.",
)
@click.option("--yes", is_flag=True, help="Read or take a snapshot without asking, although it costs its canister.")
@click.option("--wait", type=Duration(), default="0s", metavar="DURATION", help="Wait so long for a lock of others.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
@click.pass_obj
def command(
    invocation: Invocation, /, words: tuple[str, ...], only: tuple[Part, ...], wait: float, **flags: bool
) -> int:
    """Compare A with B: settings, module, interface and memory. Has no effects but with --take-snapshot.

    \b
    A and B are each one of
      BACKUP/CANISTER     a canister in a backup: its name, the beginning of it, or latest: the newest that holds it
      BACKUP CANISTER     the same
      BACKUP              a whole backup: every canister that both sides hold is compared
      PATH[/CANISTER]     an archive (.tar.zst), a snapshot directory or a legacy backup
      live:CANISTER       the canister as it is now; live alone is that of the other side
      snapshot:ID         a snapshot on chain of the other side's canister, or CANISTER/ID
    A path that could be taken for a backup's name begins with ./

    Memory is compared between states: a live canister shows sizes only. Reading a snapshot on chain costs its
    canister cycles; the bill is shown first.

    \b
    Examples:
      quri-console diff latest/rune-engine live
      quri-console diff 20250123/rune-engine latest --only memory --pages
      quri-console diff latest live --json --exit-code
      quri-console diff latest/registry live --take-snapshot --yes
    """
    from quri_console.backup.sides import two_sides

    left, right = two_sides(words)
    options = DiffOptions(
        parts=only or _PARTS,
        as_json=flags["as_json"],
        all_ranges=flags["pages"],
        exit_code=flags["exit_code"],
        yes=flags["yes"],
        wait_seconds=wait,
        take_snapshot=flags["take_snapshot"],
    )
    return asyncio.run(_diff(invocation.console(), left, right, options))


async def _diff(console: Console, left: str, right: str, options: DiffOptions) -> int:
    if options.take_snapshot:
        from quri_console.cli.live_state import with_live_state

        left, right = await with_live_state(console, left, right, yes=options.yes, as_json=options.as_json)
    progress = progress_to(sys.stderr, "json" if options.as_json else None)
    try:
        diff = await console.diff(
            left,
            right,
            parts=options.parts,
            approve=_approval(options),
            progress=progress,
            wait_seconds=options.wait_seconds,
        )
    finally:
        if isinstance(progress, BarProgress):
            progress.close()
    if options.as_json:
        from quri_console.render.comparison_json import diff_json

        show_json(diff_json(diff, options.parts, all_ranges=options.all_ranges))
    else:
        _show(diff, options, sys.stdout)
    if diff.failures:
        return int(ExitCode.PARTIAL)
    return int(ExitCode.FAILED if options.exit_code and diff.differs(options.parts) else ExitCode.OK)


def _show(diff: Diff, options: DiffOptions, stream: TextIO) -> None:
    from quri_console.render.comparison import diff_lines
    from quri_console.render.comparison_parts import Wanted
    from quri_console.render.spans import wrap_lines

    width = max(_NARROWEST, min(shutil.get_terminal_size().columns, _WIDEST))
    wanted = Wanted(options.parts, all_ranges=options.all_ranges, ascii_only=not _can_draw(stream))
    for line in wrap_lines(diff_lines(diff, wanted), width):
        stream.write("".join(painted(span.text, span.role, stream) for span in line) + "\n")
    stream.flush()


def _can_draw(stream: TextIO) -> bool:
    """Whether the blocks of a memory strip can be written."""
    from quri_console.render.page_strip import EQUAL, SHADES

    try:
        f"{SHADES}{EQUAL}".encode(stream.encoding)
    except UnicodeEncodeError:
        return False
    return True


def _approval(options: DiffOptions) -> Approve:
    """Shows a bill on standard error and asks, unless the command line said yes."""

    async def approve(bills: tuple[ReadingBill, ...]) -> None:
        for bill in bills:
            sys.stderr.write(f"{_bill_text(bill)}\n")
        sys.stderr.flush()
        if options.yes:
            return
        if not sys.stdin.isatty():
            raise UsageError(
                "Reading a snapshot on chain costs its canister cycles, and nobody can be asked",
                next_step="Add --yes if that is what you mean, or compare less by --only.",
            )
        if not click.confirm("Read it?", err=True):
            raise Cancelled("Nothing was read")

    return approve


def _bill_text(bill: ReadingBill) -> str:
    from quri_console.render.escape import escape
    from quri_console.units import format_bytes, format_cycles

    cost = (
        f"Reading {format_bytes(bill.read_bytes)} of {escape(bill.label)} costs ≈ {format_cycles(bill.cycles)} cycles"
    )
    if bill.balance is None or bill.freezing_limit is None:
        return f"{cost}; its balance is not shown to this identity."
    balance, limit = format_cycles(bill.balance), format_cycles(bill.freezing_limit)
    return f"{cost}; its canister has {balance}, freezing limit {limit}."
