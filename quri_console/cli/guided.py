"""The first configuration, by a few questions on the terminal: in lines, which every terminal and reader can do."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import say
from quri_console.clock import SystemClock
from quri_console.config.principal_text import principal_fault
from quri_console.errors import Cancelled, QuriError, UsageError
from quri_console.homes import home
from quri_console.render.escape import escape
from quri_console.service.first_configuration import (
    Tried,
    Wish,
    configuration_text,
    nothing_answers,
    try_connection,
    write_configuration,
)
from quri_console.service.first_run import Found, FoundCanister, FoundIdentity, FoundNetwork, look, usable_name

SHOWN = 12


def first_run(path: Path, invocation: Invocation) -> int:
    """Ask what to do where there is no configuration; then the console opens, or the demo."""
    say(f"There is no configuration yet ({escape(str(path))}).")
    chosen = _chosen(
        "What now",
        ["Set it up: a few questions, nothing is changed on any network", "Open the demo on a local network", "Leave"],
    )
    if chosen == 2:
        raise Cancelled("Nothing was written", next_step="`quri-console init --guided` asks again.")
    if chosen == 1:
        from quri_console.cli.demo import command

        return int(command.callback(script=False)) if command.callback is not None else 0
    guide(path)
    from quri_console.ui.terminal import run_console

    return run_console(invocation.console(), invocation.console_options)


def guide(path: Path) -> None:
    """Ask for network, key and canisters, try them, and write the configuration to `path`. Raises QuriError."""
    if path.exists():
        raise UsageError(f"{path} is there already", next_step="Edit it, or name another by --config.")
    found = look(Path.cwd(), home(), os.environ)
    for project in found.projects:
        say(f"Found a project in {escape(str(project))}.", role="muted")
    network = _network(found)
    identity = _identity(found.identities)
    wish = Wish(network, _canisters(found, network), identity)
    while True:
        if not _tried(wish):
            break
        again = _chosen("What now", ["Try again", "Write the configuration all the same", "Leave, writing nothing"])
        if again == 2:
            raise Cancelled("Nothing was written")
        if again == 1:
            break
    write_configuration(path, configuration_text(wish))
    say(f"Wrote {escape(str(path))}, readable by you alone.", role="status-ok")
    say("Next: quri-console, and quri-console init for the repository of backups.")


def _network(found: Found) -> FoundNetwork:
    choices = [f"{network.name}  {network.url}  {_count(found, network)}" for network in found.networks]
    number = _chosen("Which network", [*choices, "another, by its address"])
    if number < len(found.networks):
        return found.networks[number]
    url = click.prompt("Address, like http://127.0.0.1:4943", err=True).strip().rstrip("/")
    return FoundNetwork("local" if "127.0.0.1" in url or "localhost" in url else "network", url)


def _count(found: Found, network: FoundNetwork) -> str:
    count = len(found.canisters_on(network.name))
    return f"({count} canister{'s' if count != 1 else ''} found)" if count else ""


def _identity(identities: Sequence[FoundIdentity]) -> Path | None:
    usable = [identity for identity in identities if not identity.problem]
    for identity in identities:
        if identity.problem:
            say(f"  {identity.tool} identity {escape(identity.name)}: {escape(identity.problem)}", role="muted")
    choices = [f"{identity.tool} identity {escape(identity.name)}  {escape(str(identity.path))}" for identity in usable]
    number = _chosen("Which key", [*choices, "a PEM file elsewhere", "none: only watch what is public"])
    if number < len(usable):
        return usable[number].path
    if number == len(usable) + 1:
        return None
    path = click.prompt("Path of the PEM file", err=True, type=click.Path(exists=True, dir_okay=False))
    return Path(str(path)).absolute()


def _canisters(found: Found, network: FoundNetwork) -> tuple[FoundCanister, ...]:
    known = found.canisters_on(network.name)
    if known:
        for canister in known[:SHOWN]:
            say(f"  {canister.name:<24} {canister.id}")
        if len(known) > SHOWN:
            say(f"  and {len(known) - SHOWN} more")
        if click.confirm(f"Take {'these' if len(known) > 1 else 'this one'}", default=True, err=True):
            return known
    return _typed_canisters(network)


def _typed_canisters(network: FoundNetwork) -> tuple[FoundCanister, ...]:
    typed: list[FoundCanister] = []
    while True:
        text = click.prompt("Canister id (Enter when done)", default="", show_default=False, err=True).strip()
        if not text:
            return tuple(typed)
        fault = principal_fault(text)
        if fault is not None:
            say(f"  That is no canister id: {fault}.", role="status-warning")
            continue
        name = click.prompt("What do you call it", default=f"canister-{len(typed) + 1}", err=True).strip()
        typed.append(FoundCanister(usable_name(name) or f"canister-{len(typed) + 1}", text, network.name, Path()))


def _tried(wish: Wish) -> bool:
    """Try the connection and say how it went; whether that is worth a question."""
    if not wish.canisters:
        return False
    say(f"Asking {escape(wish.network.url)} …", role="muted")
    try:
        with tempfile.TemporaryDirectory(prefix="quri-init-") as folder:
            tried = asyncio.run(try_connection(wish, SystemClock(), Path(folder)))
    except QuriError as error:
        say(f"  {escape(str(error))}", role="status-critical")
        if error.next_step:
            say(f"  {escape(error.next_step)}")
        return True
    for entry in tried:
        _say_tried(entry)
    return nothing_answers(tried)


def _say_tried(entry: Tried) -> None:
    if entry.problem:
        say(f"  {entry.name:<24} {escape(entry.problem, limit=200)}", role="status-warning")
    else:
        say(f"  {entry.name:<24} {escape(entry.answer)}", role="status-ok")


def _chosen(question: str, choices: Sequence[str]) -> int:
    """The number of the choice, from 0; the first is taken by Enter."""
    for number, choice in enumerate(choices, 1):
        say(f"  {number}  {choice}")
    return int(click.prompt(question, type=click.IntRange(1, len(choices)), default=1, err=True)) - 1
