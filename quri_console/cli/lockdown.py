"""`quri-console lockdown`: the switch that halts schedules and every effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import say, show_json, show_lines
from quri_console.clock import utc_datetime
from quri_console.render.lockdown import lockdown_lines

if TYPE_CHECKING:
    from quri_console.effects.lockdown import Lockdown

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
REASON = click.option("--reason", required=True, help="Why; shown everywhere, and kept in the audit log.")


@click.group("lockdown")
def command() -> None:
    """Halt schedules and every effect, on all networks that this state folder serves.

    While it is on, nothing that changes a canister or moves cycles is started, and operations that
    run end before their next effect. Canisters that an operation had stopped are brought back.

    \b
    Examples:
      quri-console lockdown on --reason "INC-42: wrong fleet, nobody touches anything"
      quri-console lockdown status
      quri-console lockdown off --reason "INC-42 is over"
    """


@command.command("on")
@REASON
@AS_JSON
@click.pass_obj
def on(invocation: Invocation, reason: str, as_json: bool) -> None:
    """Turn it on, or give it another reason."""
    _show(invocation.console().lockdown_on(reason), as_json=as_json)


@command.command("off")
@REASON
@AS_JSON
@click.pass_obj
def off(invocation: Invocation, reason: str, as_json: bool) -> None:
    """Turn it off."""
    before = invocation.console().lockdown_off(reason)
    if before is None and not as_json:
        say("Lockdown was not on.")
        return
    _show(None, as_json=as_json)


@command.command("status")
@AS_JSON
@click.pass_obj
def status(invocation: Invocation, as_json: bool) -> None:
    """Say whether it is on, why, since when and by whom."""
    _show(invocation.console().lockdown(), as_json=as_json)


def _show(lockdown: Lockdown | None, *, as_json: bool) -> None:
    if as_json:
        show_json(_document(lockdown))
    else:
        show_lines(lockdown_lines(lockdown))


def _document(lockdown: Lockdown | None) -> dict[str, object]:
    if lockdown is None:
        return {"on": False, "reason": None, "since": None, "by": None}
    since = utc_datetime(lockdown.since_ns).isoformat() if lockdown.since_ns else None
    return {"on": True, "reason": lockdown.reason, "since": since, "by": lockdown.by or None}
