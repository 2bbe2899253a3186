"""`quri-console localnet`: the embedded network on its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from quri_console.localnet.standalone import Announcement, StandaloneOptions


@click.command("localnet")
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Port on 127.0.0.1; default: any.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Load the network from DIR at the start and write it back when it stops; default: keep nothing.",
)
@click.option("--fleet/--empty", default=True, help="With the demo fleet (default), or without canisters.")
@click.option("--extra", type=click.IntRange(0, 2000), default=0, metavar="N", help="Add N small canisters.")
@click.option("--delegated", is_flag=True, help="Host the canisters on a subnet below the root subnet.")
@click.option(
    "--latency",
    "latency_seconds",
    type=click.FloatRange(0),
    default=0,
    metavar="MS",
    callback=lambda _context, _option, milliseconds: milliseconds / 1000,
    help="Delay every request.",
)
@click.option(
    "--time-scale",
    type=click.FloatRange(0),
    default=1.0,
    metavar="X",
    help="A second costs X times its price in cycles; the clock stays as it is.",
)
@click.option("--until-eof", is_flag=True, help="Stop also when standard input ends: whoever started it is gone.")
@click.option("--orders", "takes_orders", is_flag=True, hidden=True, help="Take orders of a drill from standard input.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line: url, root_key, config.")
def command(until_eof: bool, takes_orders: bool, as_json: bool, **options: Any) -> None:
    """Run the embedded Internet Computer until interrupted.

    It speaks the real protocol on 127.0.0.1 and writes a ready configuration for itself, so that
    `quri-console --config FILE status` works at once.
    """
    from quri_console.localnet.standalone import StandaloneOptions

    asyncio.run(_run(StandaloneOptions(**options), until_eof=until_eof, takes_orders=takes_orders, as_json=as_json))


async def _run(options: StandaloneOptions, *, until_eof: bool, takes_orders: bool, as_json: bool) -> None:
    from quri_console.localnet.orders import OrderLines
    from quri_console.localnet.standalone import standalone

    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    if until_eof and not takes_orders:
        loop.add_reader(sys.stdin.fileno(), _read_input, interrupted, _mean_nothing)
    async with standalone(options) as announcement:
        click.echo(_json_line(announcement) if as_json else _words(announcement))
        if takes_orders:
            lines = OrderLines(announcement.orders, click.echo)
            loop.add_reader(sys.stdin.fileno(), _read_input, interrupted, lines.feed)
        await interrupted.wait()


def _read_input(ended: asyncio.Event, take: Callable[[bytes], None]) -> None:
    # an empty read means that every writer has closed the pipe
    data = os.read(sys.stdin.fileno(), 4096)
    if data:
        take(data)
        return
    asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
    ended.set()


def _mean_nothing(_: bytes) -> None:
    """Without --orders nothing that is written into standard input means anything."""


def _json_line(announcement: Announcement) -> str:
    return json.dumps(
        {"url": announcement.url, "root_key": announcement.root_key.hex(), "config": str(announcement.config)}
    )


def _words(announcement: Announcement) -> str:
    key = announcement.root_key.hex()
    lines = [
        f"The local network listens on {announcement.url}",
        f"  root key    {key}",
        f"  config      {announcement.config}",
        f"  controller  {announcement.controller_pem}",
        *(f"  canister    {canister.id}  {canister.name}" for canister in announcement.canisters[:8]),
        "Try:",
        f"  quri-console --config {announcement.config} status",
        f"  icp cycles balance -n {announcement.url} -k {key}",
        "Ctrl-C stops it.",
    ]
    return "\n".join(lines)
