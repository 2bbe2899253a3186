"""`quri-console burn`: how fast cycles go, and how long they last."""

from __future__ import annotations

import asyncio

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import say, show_json, show_table
from quri_console.render.escape import escape


@click.command("burn")
@click.argument("canisters", nargs=-1, metavar="[CANISTER]...")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def command(invocation: Invocation, canisters: tuple[str, ...], as_json: bool) -> None:
    """Show how fast canisters burn cycles and how long they last.

    expected: the likely burn, over 14 days. alert: the highest of 1.5, 4 and 14 days, which runway
    and alerts go by. Neither is ever below the idle burn that the network states; intervals with a
    top-up are left out. An interval is shown with at least 14 days of history, together with how
    often earlier ones were right. Comes from the history; the network is not asked.

    \b
    Examples:
      quri-console burn
      quri-console burn rune-engine
      quri-console burn --json
    """
    found = asyncio.run(invocation.console().fleet_burn(canisters))
    from quri_console.render import burn as rendered

    if as_json:
        show_json(rendered.burn_document(found))
        return
    if not found:
        say("No canisters are configured: add [canisters.NAME] with an id.")
        return
    show_table(rendered.HEADINGS, list(rendered.burn_rows(found)), right=range(1, 7))
    for burn in found:
        for sentence in rendered.burn_sentences(burn):
            say(f"{escape(burn.name)}: {sentence}", role="muted")
