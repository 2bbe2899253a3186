"""`quri-console doctor`: what is overdue or stuck."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import painted, say, show_json
from quri_console.errors import ExitCode
from quri_console.render.escape import escape

_ROLES = {"ok": "status-ok", "warning": "status-warning", "critical": "status-critical"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option(
    "--bundle",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write a support bundle (zip) without secrets.",
)
@click.pass_obj
def command(invocation: Invocation, as_json: bool, bundle: Path | None) -> int:
    """Say what is overdue or stuck: rounds, backups, verification, messages, schedules, operations, audit, disk,
    channels. It also names controllers' keys that `watch` uses with nobody present.

    A canister that an operation stopped before it died is started again, unless --read-only is given.
    Else it changes nothing and does not ask the network. Exit code 0 when all is well, 1 otherwise.

    \b
    Examples:
      quri-console doctor
      quri-console doctor --json
      quri-console doctor --bundle support.zip
    """
    if bundle is not None:
        asyncio.run(invocation.console().write_support_bundle(bundle.absolute()))
        sys.stderr.write(f"Support bundle: {bundle}. Look into it before you give it away.\n")
    found = asyncio.run(invocation.console().doctor())
    if as_json:
        show_json(
            [{"what": d.what, "level": d.level, "text": d.text, "next_step": d.next_step} for d in found],
        )
    else:
        for diagnosis in found:
            level = painted(f"{diagnosis.level:8}", _ROLES[diagnosis.level], sys.stdout)
            say(f"{level} {diagnosis.what}: {escape(diagnosis.text)}")
            if diagnosis.next_step:
                say(f"         Next: {escape(diagnosis.next_step)}", role="muted")
    return int(ExitCode.OK if all(diagnosis.level == "ok" for diagnosis in found) else ExitCode.FAILED)
