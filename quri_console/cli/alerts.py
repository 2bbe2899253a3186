"""`quri-console alerts`: what fires, who cares for it, and what is silenced."""

from __future__ import annotations

import asyncio

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.options import Duration
from quri_console.cli.output import say, show_json, show_table
from quri_console.errors import UsageError
from quri_console.render.escape import escape
from quri_console.units import DAY_SECONDS

_RULE = click.option("--rule", default="*", metavar="RULE", help="Only this rule, like cycles-low; * and ? may stand.")
_NOTE = click.option("--note", default="", metavar="TEXT", help="Why, for those who look next.")
_FOR = click.option("--for", "for_seconds", type=Duration(), help="How long: 30m, 4h, 2d.")


@click.group("alerts")
def command() -> None:
    """List, acknowledge and silence alerts.

    Alerts live in the history that all processes share; `watch`, the console and
    `monitor --notify` judge them and send messages to the configured channels.

    \b
    Examples:
      quri-console alerts list
      quri-console alerts ack rune-engine --note "topping up" --for 4h
      quri-console alerts silence registry --for 2h --note "upgrade"
      quri-console alerts silence '*' --rule burn-anomaly --for 1d
      quri-console alerts unsilence 3
      quri-console alerts test ops
    """


@command.command("list")
@click.option("--since", type=Duration(), default=float(DAY_SECONDS), help="How far back the past goes. Default 1d.")
@click.option("--all", "show_all", is_flag=True, help="Also what happened to alerts, and those lately resolved.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def list_alerts(invocation: Invocation, since: float, show_all: bool, as_json: bool) -> None:
    """Show what fires, what is on its way to, and what is silenced."""
    console = invocation.console()
    view = asyncio.run(console.alerts(since_seconds=since))
    from quri_console.render import alerts as rendered

    if as_json:
        show_json(rendered.alerts_document(view.current, view.events, view.mutes, view.names))
        return
    shown = [row for row in view.current if show_all or row.state != "resolved"]
    if shown:
        show_table(rendered.HEADINGS, list(rendered.alert_rows(shown, view.names, console.clock.now_ns())))
    else:
        say("No alert is firing.", role="status-ok")
    for mute in view.mutes:
        say(rendered.mute_line(mute, view.names), role="muted")
    for event in view.events if show_all else ():
        say(rendered.event_line(event, view.names), role="muted")


@command.command("ack")
@click.argument("what")
@_RULE
@_NOTE
@_FOR
@click.pass_obj
def acknowledge(invocation: Invocation, what: str, rule: str, note: str, for_seconds: float | None) -> None:
    """Say that somebody cares about WHAT. A firing alert of it is not sent again until it gets worse.

    WHAT is a canister's name or id, a payer's name, or * for all.
    """
    count = asyncio.run(invocation.console().acknowledge_alerts(what, rule, note=note, for_seconds=for_seconds))
    say(f"Acknowledged {count} {'alert' if count == 1 else 'alerts'} of {escape(what)}.")


@command.command("silence")
@click.argument("what")
@_RULE
@_NOTE
@_FOR
@click.pass_obj
def silence(invocation: Invocation, what: str, rule: str, note: str, for_seconds: float | None) -> None:
    """Send nothing about WHAT for a while. Its alerts go on being judged."""
    if for_seconds is None:
        raise UsageError("a silence needs an end", next_step="Add --for, like --for 2h.")
    number = asyncio.run(invocation.console().silence_alerts(what, rule, note=note, for_seconds=for_seconds))
    say(f"Silence {number} on {escape(what)}. To end it: quri-console alerts unsilence {number}")


@command.command("unsilence")
@click.argument("number", type=int)
@click.pass_obj
def unsilence(invocation: Invocation, number: int) -> None:
    """End a silence, or take an acknowledgement back."""
    asyncio.run(invocation.console().unsilence_alerts(number))
    say(f"{number} is ended.")


@command.command("test")
@click.argument("channel")
@click.pass_obj
def test(invocation: Invocation, channel: str) -> None:
    """Send a test message to CHANNEL, as `notify test` does."""
    from quri_console.cli.notify import send_test

    send_test(invocation, channel)
