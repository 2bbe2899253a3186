"""`quri-console logs`: what a canister wrote into its log."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import painted
from quri_console.clock import utc_datetime
from quri_console.render.escape import escape

if TYPE_CHECKING:
    from quri_console.ic.management.types import LogRecord


@click.command("logs")
@click.argument("canister")
@click.option("--follow", "-f", is_flag=True, help="Go on with what the canister writes, until interrupted.")
@click.option("--lines", "-n", type=click.IntRange(min=0), help="Only the newest so many lines there are now.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line; content as text, or as hex.")
@click.pass_obj
def command(invocation: Invocation, canister: str, follow: bool, lines: int | None, as_json: bool) -> None:
    """Show what a canister wrote into its log, oldest first.

    The network keeps only the newest lines (4 KiB unless set otherwise). The identity of the duty
    `poll` reads them: a controller, or one that the canister's log_visibility names. Times are UTC.

    \b
    Examples:
      quri-console logs rune-engine
      quri-console logs rune-engine --follow
      quri-console logs rune-engine -n 20 --json
    """
    asyncio.run(_show(invocation, canister, follow=follow, newest=lines, as_json=as_json))


async def _show(invocation: Invocation, canister: str, *, follow: bool, newest: int | None, as_json: bool) -> None:
    console = invocation.console()
    skipped_until = -1
    if newest is not None:
        there = [line async for line in console.canister_logs(canister)]
        skipped_until = there[-newest - 1].index if len(there) > newest else -1
        if newest == 0 and there:
            skipped_until = there[-1].index
    async for line in console.canister_logs(canister, follow=follow):
        if line.index > skipped_until:
            sys.stdout.write(_as_json(line) if as_json else _as_text(line))
            sys.stdout.flush()


def _as_text(line: LogRecord) -> str:
    time = f"{utc_datetime(line.timestamp_ns):%Y-%m-%d %H:%M:%S}Z"
    content = line.content.decode("utf-8", "replace")
    return f"{painted(time, 'muted', sys.stdout)} {escape(content)}\n"


def _as_json(line: LogRecord) -> str:
    try:
        content = {"text": line.content.decode()}
    except UnicodeDecodeError:
        content = {"hex": line.content.hex()}
    return json.dumps({"index": line.index, "at": utc_datetime(line.timestamp_ns).isoformat(), **content}) + "\n"
