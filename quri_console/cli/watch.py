"""`quri-console watch`: the watch as a service in the foreground, for systemd, a container or a spare terminal."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import painted
from quri_console.clock import utc_datetime
from quri_console.errors import UsageError
from quri_console.render.escape import escape
from quri_console.render.plain_line import plain_notice

if TYPE_CHECKING:
    from quri_console.service.watch import Notice


@click.command("watch")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.option("--plain", is_flag=True, help="For screen readers and braille: ASCII, no colours, what matters first.")
@click.option("--quiet", "-q", is_flag=True, help="Only alerts and problems.")
@click.pass_obj
def command(invocation: Invocation, as_json: bool, plain: bool, quiet: bool) -> None:
    """Watch the fleet until interrupted: poll, judge, alert, deliver, and serve metrics.

    Any number of `watch` and consoles may run on one history: one of them polls, the others read
    along, and one that dies is replaced within two intervals. SIGTERM and Ctrl-C end it at once.
    What changes is written as lines to standard output.

    \b
    Examples:
      quri-console watch
      quri-console --network ic watch --quiet
      quri-console watch --plain
      quri-console watch --json >> watch.jsonl
    """
    if as_json and plain:
        raise UsageError("--json and --plain are two forms of the same; not both")
    form = _json_line if as_json else _plain_line if plain else _text_line
    asyncio.run(_watch(invocation, form, quiet=quiet))


async def _watch(invocation: Invocation, form: Callable[[Notice], str], *, quiet: bool) -> None:
    def show(notice: Notice) -> None:
        if not quiet or notice.kind in ("alert", "problem"):
            sys.stdout.write(form(notice))
            sys.stdout.flush()

    task = asyncio.ensure_future(invocation.console().watch(show))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _text_line(notice: Notice) -> str:
    time = painted(f"{utc_datetime(notice.at_ns):%Y-%m-%d %H:%M:%S}Z", "muted", sys.stdout)
    level = "" if notice.level == "ok" else painted(f" {notice.level}", f"status-{notice.level}", sys.stdout)
    return f"{time}{level} {escape(notice.text)}\n"


def _plain_line(notice: Notice) -> str:
    return plain_notice(notice.text, notice.level, f"{utc_datetime(notice.at_ns):%H:%M:%S} UTC") + "\n"


def _json_line(notice: Notice) -> str:
    return (
        json.dumps(
            {
                "at": utc_datetime(notice.at_ns).isoformat(),
                "kind": notice.kind,
                "level": notice.level,
                "subject": notice.subject,
                "text": notice.text,
            }
        )
        + "\n"
    )
