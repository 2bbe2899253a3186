"""`quri-console init`: make the repository, encrypted or in the clear."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.new_ways import NewWays, new_way_options
from quri_console.cli.output import say, show_json, show_lines
from quri_console.config.places import default_config_path
from quri_console.errors import UsageError
from quri_console.homes import spelt_out
from quri_console.render.ends import next_line
from quri_console.render.escape import escape

BACKUP = "quri-console backup --dry-run"
"""What there is to do with an empty repository."""


def _scripts_options(function: Callable[..., int | None]) -> Callable[..., int | None]:
    options = (
        click.option(
            "--from-scripts",
            "folder",
            type=click.Path(path_type=Path, readable=False),
            metavar="DIR",
            help="Propose a configuration from the old scripts, crontab and .env files in DIR; nothing of them is run.",
        ),
        click.option("--zone", metavar="ZONE", help="With --from-scripts: the zone cron ran in; default: this one's."),
        click.option("--write", is_flag=True, help="With --from-scripts: write the configuration, do not print it."),
        click.option("--force", is_flag=True, help="With --write: in the place of one that is there, which is kept."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command("init")
@new_way_options("--passphrase-file")
@click.option("--plain", is_flag=True, help="In the clear, on purpose.")
@click.option("--guided", is_flag=True, help="Write the first configuration by a few questions, and no repository.")
@_scripts_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    recipients: tuple[str, ...],
    recipients_file: Path | None,
    ask_new: bool,
    new_passphrase_file: Path | None,
    plain: bool,
    guided: bool,
    as_json: bool,
    **scripts: Any,
) -> int | None:
    """Make the repository at [repository] path of the configuration.

    With recipients or a passphrase everything of a canister is encrypted, and each of them opens it alone; names,
    times, sizes and digests stay readable. Without, it is in the clear. This cannot be changed later; who can open it
    can: see `quri-console key`.

    \b
    Examples:
      quri-console init --recipient age1…
      quri-console init --recipient "$(cat ~/.ssh/id_ed25519.pub)"
      quri-console init --passphrase
      quri-console init --plain
      quri-console init --guided
      quri-console init --from-scripts ~/quri/scripts
      quri-console init --from-scripts ~/quri/scripts --write
    """
    new = NewWays(recipients, recipients_file, ask_new, new_passphrase_file)
    if scripts["folder"] is not None:
        if plain or new.any or guided:
            raise UsageError("--from-scripts proposes a configuration, the other options make something else; not both")
        return _propose(invocation, **scripts, as_json=as_json)
    if any(scripts.values()):
        raise UsageError("--zone, --write and --force go with --from-scripts")
    if guided:
        if plain or new.any or as_json:
            raise UsageError("--guided writes a configuration, the other options make a repository; not both")
        _guide(invocation)
        return None
    if plain and new.any:
        raise UsageError("--plain makes a repository in the clear, the other options an encrypted one; not both")
    _make_repository(invocation, new, plain=plain, as_json=as_json)
    return None


def _propose(invocation: Invocation, folder: Path, *, zone: str | None, write: bool, force: bool, as_json: bool) -> int:
    from quri_console.cli.from_scripts import Asked, from_scripts

    if force and not write:
        raise UsageError("--force goes with --write")
    return from_scripts(_new_configuration(invocation), Asked(folder, zone, write, force, as_json))


def _make_repository(invocation: Invocation, new: NewWays, *, plain: bool, as_json: bool) -> None:
    console = invocation.console()
    ways = new.ways()
    facts = console.init_repository(ways)
    location = str(console.config.repository.path)
    if as_json:
        show_json(
            {
                "repository": location,
                "id": facts.id,
                "encryption": facts.encryption,
                "created_at": facts.created_at.isoformat(),
                "next": BACKUP,
                "ways": [{"label": way.label, "recipient": way.recipient or None} for way in ways],
            }
        )
        return
    if not ways:
        say(f"Made the repository {facts.id[:8]} at {escape(location)}, in the clear.")
        say("It is not encrypted: whoever copies it can read it.", role="muted" if plain else "status-warning")
        if not plain:
            say("  To have an encrypted one, remove this while it is empty, then run")
            say("  `quri-console init --recipient age1…` or `quri-console init --passphrase`.")
        show_lines([next_line(BACKUP)])
        return
    labels = ", ".join(escape(way.label) for way in ways)
    say(f"Made the repository {facts.id[:8]} at {escape(location)}, encrypted. Each of these opens it: {labels}.")
    configured = console.config.repository
    if configured.identity is None and configured.passphrase_file is None:
        say("Set `identity` or `passphrase_file` in [repository] of the configuration, so that it opens unasked.")
    say("Without any of them nobody can ever read the backups: print a spare by `quri-console key recovery-kit`.")
    show_lines([next_line(BACKUP)])


def _guide(invocation: Invocation) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "there is no terminal to ask in",
            next_step="Write the configuration from config.example.toml; `quri-console demo` needs none.",
        )
    from quri_console.cli.guided import guide

    guide(_new_configuration(invocation))


def _new_configuration(invocation: Invocation) -> Path:
    """Where a configuration is written: where the next command will look for it."""
    named = os.environ.get("QURI_CONFIG")
    return invocation.config or (spelt_out(named) if named else default_config_path())
