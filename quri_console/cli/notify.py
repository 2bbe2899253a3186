"""`quri-console notify`: whether messages arrive."""

from __future__ import annotations

import asyncio

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import say
from quri_console.render.escape import escape


@click.group("notify")
def command() -> None:
    """Try the channels that messages go to.

    \b
    Examples:
      quri-console notify list
      quri-console notify test ops
    """


@command.command("list")
@click.pass_obj
def list_channels(invocation: Invocation) -> None:
    """List the configured channels. Their addresses are secrets and stay where they are."""
    channels = invocation.console().config.channels
    if not channels:
        say("No channel is configured: add [channels.NAME] with a kind and url_file.")
    for channel in channels:
        resolved = "" if channel.send_resolved else ", not of what is resolved"
        say(f"{escape(channel.name)}  {channel.kind}, hears of {channel.lowest} and worse{resolved}")


@command.command("test")
@click.argument("channel")
@click.pass_obj
def test(invocation: Invocation, channel: str) -> None:
    """Send a test message to CHANNEL now. Says what its receiver answered."""
    send_test(invocation, channel)


def send_test(invocation: Invocation, channel: str) -> None:
    """Send it, or raise what went wrong."""
    why = asyncio.run(invocation.console().send_test_message(channel))
    say(f"{escape(channel)} took the test message{f' ({escape(why)})' if why else ''}.")
