"""`quri-console stop`: stop a canister and leave it so."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.options import Duration
from quri_console.cli.remedy import options_of, remedy_options, run_remedy
from quri_console.errors import UsageError


@click.command("stop")
@click.argument("canister")
@click.option(
    "--stop-timeout",
    type=Duration(),
    default="60s",
    show_default=True,
    help="When the canister has not stopped by then it is started again and nothing is changed.",
)
@remedy_options
@click.pass_obj
def command(invocation: Invocation, /, canister: str, stop_timeout: float, **given: Any) -> int:
    """Stop CANISTER (name or id). It answers nothing until it is started again: quri-console start.

    \b
    Examples:
      quri-console stop rune-engine --reason "it pays out too much"
      quri-console stop rune-engine --stop-timeout 2m --dry-run
    """
    if not 1 <= stop_timeout <= 270:
        raise UsageError("--stop-timeout must be between 1 s and 270 s")
    console = invocation.console()
    return asyncio.run(
        run_remedy(
            console,
            "stop",
            options_of(given),
            lambda: console.plan_stop(canister, stop_timeout_seconds=stop_timeout),
        )
    )
