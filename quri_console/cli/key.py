"""`quri-console key`: who can open an encrypted repository."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.new_ways import FILE, NewWays, ask_for, new_way_options
from quri_console.cli.options import Duration
from quri_console.cli.output import line_width, say, show_json, show_lines, show_table
from quri_console.errors import ExitCode, UsageError
from quri_console.render.escape import escape

if TYPE_CHECKING:
    from quri_console.repository.key_file import Way
    from quri_console.repository.key_files import ListedWay, WaysListed
    from quri_console.repository.store import RepositoryFacts
    from quri_console.service.keys import KeyAccess

_Command = TypeVar("_Command", bound=Callable[..., Any])
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def access_options(command: _Command) -> _Command:
    """What opens the repository for a change, and how long to wait for others."""
    for option in (
        AS_JSON,
        click.option(
            "--wait",
            type=Duration(),
            default=0.0,
            metavar="DURATION",
            help="How long to wait while others use the repository; 0 unless given.",
        ),
        click.option(
            "--passphrase-file",
            "passphrase_files",
            multiple=True,
            type=FILE,
            metavar="FILE",
            help="A present passphrase, the only line of a file that only you can read; else as configured. May be "
            "repeated.",
        ),
        click.option(
            "--identity", type=FILE, metavar="FILE", help="An age identity file or ssh private key; else as configured."
        ),
    ):
        command = option(command)
    return command


@click.group("key")
def command() -> None:
    """Ways into an encrypted repository: recipients (age, ssh) and passphrases, each of which opens it alone.

    WAY is the id of a way, how that begins (4 characters at least), its label, or its whole recipient (age1…, ssh-…).

    \b
    Examples:
      quri-console key list
      quri-console key add --recipient age1…
      quri-console key remove 3f2a && quri-console key rotate
      quri-console key recovery-kit | lp
    """


@command.command("list")
@AS_JSON
@click.pass_obj
def list_(invocation: Invocation, as_json: bool) -> int:
    """Show who can open the repository. Damaged key files are named, too (the exit code is then 13).

    \b
    Example:
      quri-console key list --json
    """
    console = invocation.console()
    facts, listed = console.key_ways()
    location = str(console.config.repository.path)
    exit_code = int(ExitCode.CORRUPTION if listed.damage else ExitCode.OK)
    if as_json:
        show_json(
            {
                "repository": location,
                "id": facts.id,
                "encryption": facts.encryption,
                "created_at": facts.created_at.isoformat(),
                "master_keys": listed.masters,
                "unfinished_rotation": listed.unfinished_rotation,
                "ways": [_listed_as_plain(item) for item in listed.ways],
                "damage": [{"object": item.name, "why": item.why} for item in listed.damage],
            }
        )
    elif facts.encryption == "none":
        say(f"The repository at {escape(location)} is in the clear: whoever copies it can read it.")
    else:
        _show(listed, facts)
    return exit_code


@command.command()
@new_way_options("--new-passphrase-file")
@click.option("--label", default="", metavar="TEXT", help="What to call it; a key's comment unless given.")
@access_options
@click.pass_obj
def add(
    invocation: Invocation,
    /,
    recipients: tuple[str, ...],
    recipients_file: Path | None,
    ask_new: bool,
    new_passphrase_file: Path | None,
    label: str,
    as_json: bool,
    **access: Any,
) -> None:
    """Let somebody else open the repository, too. They can then read every backup, older ones as well.

    \b
    Examples:
      quri-console key add --recipient age1… --label alice
      quri-console key add --recipients-file team.txt
      quri-console key add --passphrase
    """
    new = NewWays(recipients, recipients_file, ask_new, new_passphrase_file)
    if not new.any:
        raise UsageError("key add needs a way in", next_step="Give --recipient, --recipients-file or --passphrase.")
    ways = invocation.console().add_key_ways(new.ways(label), _access(access))
    if as_json:
        show_json({"added": [_way_as_plain(way) for way in ways]})
        return
    for way in ways:
        say(f"{escape(way.words)} opens the repository now; its id is {way.id}.")


@command.command()
@click.argument("way")
@access_options
@click.pass_obj
def remove(invocation: Invocation, /, way: str, as_json: bool, **access: Any) -> None:
    """Take WAY from those that open the repository. It is named by id, how that begins, label or whole recipient.

    The last one stays: without it nobody could ever read the backups. Archives made before still open with WAY.

    \b
    Examples:
      quri-console key remove 3f2a
      quri-console key remove alice
      quri-console key remove "$(cat old-colleague.pub)"
    """
    from quri_console.render.ends import next_line
    from quri_console.repository.key_changes import ARCHIVES_ADVICE, ROTATE_ADVICE

    removed = invocation.console().remove_key_way(way, _access(access))
    if as_json:
        remaining = [_way_as_plain(item) for item in removed.remaining]
        show_json({"removed": removed.id, "remaining": remaining, "next": ROTATE_ADVICE, "archives": ARCHIVES_ADVICE})
        return
    words = removed.id if removed.way is None else f"{escape(removed.way.words)}, {removed.id},"
    left = ", ".join(escape(item.words) for item in removed.remaining)
    say(f"{words} is no way in any more. Left: {left}.")
    say(ROTATE_ADVICE)
    say(ARCHIVES_ADVICE)
    show_lines([next_line("quri-console key rotate")])


@command.command()
@access_options
@click.pass_obj
def rotate(invocation: Invocation, /, as_json: bool, **access: Any) -> None:
    """Encrypt from now on under a new master key. Only the present ways in know it.

    Older backups stay as they are and readable, and chunks already stored are not stored again. Interrupted, it is
    finished by running it again. The passphrase of each passphrase way is needed.

    \b
    Examples:
      quri-console key rotate
      quri-console key rotate --passphrase-file passphrase.txt
    """
    rotated = invocation.console().rotate_keys(_access(access))
    if as_json:
        ways = [_way_as_plain(way) for way in rotated.ways]
        show_json({"finished_earlier": rotated.finished_earlier, "ways": ways})
        return
    if rotated.finished_earlier:
        say("The rotation that was interrupted is finished. To get yet another master key, run it again.")
    else:
        say("From now on a new master key is used.")
    say(f"These ways have it: {', '.join(escape(way.words) for way in rotated.ways)}.")


@command.command("recovery-kit")
@access_options
@click.pass_obj
def recovery_kit(invocation: Invocation, /, as_json: bool, **access: Any) -> None:
    """Print a page with a new secret way in. It opens the repository on the day on which all others are lost.

    It is shown once. Print it, and keep it where the repository is not.

    \b
    Example:
      quri-console key recovery-kit | lp
    """
    kit = invocation.console().recovery_kit(_access(access))
    if as_json:
        show_json({"added": _way_as_plain(kit.way), "page": kit.page})
        return
    for line in kit.page.splitlines():
        say(escape(line))


def _access(options: dict[str, Any]) -> KeyAccess:
    from quri_console.service.keys import KeyAccess

    return KeyAccess(
        identity=options["identity"],
        passphrase_files=options["passphrase_files"],
        ask=ask_for if sys.stdin.isatty() else None,
        wait_seconds=options["wait"],
    )


def _show(listed: WaysListed, facts: RepositoryFacts) -> None:
    from quri_console.render.key_list import KEY_HEADINGS, key_notes, key_rows

    if listed.ways:
        show_table(KEY_HEADINGS, key_rows(listed, line_width(sys.stdout)))
    show_lines(key_notes(listed, facts.created_at))


def _listed_as_plain(item: ListedWay) -> dict[str, Any]:
    return {
        **_way_as_plain(item.way),
        "generation": item.generation,
        "master_keys": item.masters,
        "complete": item.complete,
    }


def _way_as_plain(way: Way) -> dict[str, Any]:
    return {
        "id": way.id,
        "kind": way.kind,
        "label": way.label,
        "recipient": way.recipient or None,
        "created_at": way.created_at.isoformat(),
    }
