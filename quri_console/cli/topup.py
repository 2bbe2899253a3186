"""`quri-console topup`: pay cycles of the cycles ledger into a canister."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.options import Cycles
from quri_console.cli.remedy import options_of, remedy_options, run_remedy, subaccount_of


@click.command("topup")
@click.argument("canister")
@click.argument("amount", type=Cycles())
@click.option("--from-subaccount", metavar="HEX", help="Pay from this subaccount of the identity that operates.")
@remedy_options
@click.pass_obj
def command(invocation: Invocation, /, canister: str, amount: int, from_subaccount: str | None, **given: Any) -> int:
    """Pay AMOUNT cycles (2T, 500B) of the cycles ledger into CANISTER (name or id).

    The identity of [identities.operate] pays, and the ledger's fee of 100 M besides. An answer that gets lost never
    pays twice: the ledger knows each payment by its time, and is asked for the same one again.

    \b
    Examples:
      quri-console topup rune-engine 2T --dry-run
      quri-console topup rune-engine 500B --reason "frozen"
    """
    console, subaccount = invocation.console(), subaccount_of(from_subaccount)
    return asyncio.run(
        run_remedy(
            console,
            "top-up",
            options_of(given),
            lambda: console.plan_top_up(canister, amount, from_subaccount=subaccount),
        )
    )
