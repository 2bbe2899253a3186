"""`quri-console start`: start a canister that is stopped."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.remedy import options_of, remedy_options, run_remedy


@click.command("start")
@click.argument("canister")
@remedy_options
@click.pass_obj
def command(invocation: Invocation, /, canister: str, **given: Any) -> int:
    """Start CANISTER (name or id). Its state stays as it is; its health queries are asked afterwards.

    \b
    Examples:
      quri-console start rune-engine
      quri-console start rune-engine --dry-run
    """
    console = invocation.console()
    return asyncio.run(run_remedy(console, "start", options_of(given), lambda: console.plan_start(canister)))
