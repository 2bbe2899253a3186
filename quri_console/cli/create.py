"""`quri-console create`: create a canister anew in the place of one that was deleted."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.options import Cycles
from quri_console.cli.remedy import options_of, remedy_options, run_remedy, subaccount_of


@click.command("create")
@click.argument("canister")
@click.option(
    "--from",
    "source",
    metavar="BACKUP|latest",
    required=True,
    help="The backup that it will be restored from; it gets the settings and controllers of that one.",
)
@click.option(
    "--cycles", type=Cycles(), default="2T", show_default=True, metavar="CYCLES", help="What it gets, like 2T."
)
@click.option("--from-subaccount", metavar="HEX", help="Pay from this subaccount of the identity that operates.")
@remedy_options
@click.pass_obj
def command(
    invocation: Invocation, /, canister: str, source: str, cycles: int, from_subaccount: str | None, **given: Any
) -> int:
    """Create a canister in the place of CANISTER (name or id), which does not exist any more, under another id.

    The cycles ledger pays for it. It is empty: the command that restores the backup into it is printed at the end.

    \b
    Examples:
      quri-console create rune-engine --from latest --cycles 2T --dry-run
      quri-console create rune-engine --from 20250124T020000Z --confirm local/rune-engine
    """
    console, subaccount = invocation.console(), subaccount_of(from_subaccount)
    return asyncio.run(
        run_remedy(
            console,
            "create",
            options_of(given),
            lambda: console.plan_create(canister, source, amount=cycles, from_subaccount=subaccount),
        )
    )
