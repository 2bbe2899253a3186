"""The options by which a command names new ways into a repository, and the ways that they come to."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from quri_console.errors import UsageError
from quri_console.repository.secret_files import read_passphrase
from quri_console.repository.ways import NewWay, labelled, passphrase_way, recipient_ways

_Command = TypeVar("_Command", bound=Callable[..., Any])
FILE = click.Path(path_type=Path)


@dataclass(frozen=True, slots=True)
class NewWays:
    """What the options named."""

    recipients: tuple[str, ...] = ()
    recipients_file: Path | None = None
    ask_passphrase: bool = False
    passphrase_file: Path | None = None

    @property
    def any(self) -> bool:
        """Whether a way was named."""
        return bool(self.recipients or self.recipients_file or self.ask_passphrase or self.passphrase_file)

    def ways(self, label: str = "") -> tuple[NewWay, ...]:
        """The ways, a single one called `label`; a passphrase is asked for, twice, when it is due.

        Raises UsageError, RefusedBySafetyRule.
        """
        ways = self._named()
        if not label:
            return ways
        if len(ways) != 1:
            raise UsageError("--label names one way in", next_step="Add them one by one.")
        return (labelled(ways[0], label),)

    def _named(self) -> tuple[NewWay, ...]:
        if self.ask_passphrase and self.passphrase_file is not None:
            raise UsageError("a new passphrase is either typed or read from a file, not both")
        texts = [*self.recipients, *(_lines(self.recipients_file) if self.recipients_file else ())]
        ways = recipient_ways(texts)
        if self.recipients_file and not ways:
            raise UsageError(f"{self.recipients_file} names no recipient", next_step="Write one a line.")
        if self.passphrase_file is not None:
            ways = (*ways, passphrase_way(read_passphrase(self.passphrase_file)))
        elif self.ask_passphrase:
            ways = (*ways, passphrase_way(_typed_twice()))
        return ways


def new_way_options(passphrase_file_option: str) -> Callable[[_Command], _Command]:
    """Options for new ways in: recipients, and a passphrase that is typed or read from a file."""

    def decorate(command: _Command) -> _Command:
        for option in (
            click.option(
                passphrase_file_option,
                "new_passphrase_file",
                type=FILE,
                metavar="FILE",
                help="A new passphrase, the only line of a file that only you can read.",
            ),
            click.option("--passphrase", "ask_new", is_flag=True, help="A new passphrase, asked for twice."),
            click.option(
                "--recipients-file", type=FILE, metavar="FILE", help="Recipients, one a line; # begins a comment."
            ),
            click.option(
                "--recipient",
                "recipients",
                multiple=True,
                metavar="RECIPIENT",
                help="An age recipient (age1…) or an ssh-ed25519 or ssh-rsa public key; may be repeated.",
            ),
        ):
            command = option(command)
        return command

    return decorate


def ask_for(label: str) -> str:
    """The passphrase of a way, typed unseen."""
    return str(click.prompt(f"Passphrase of {label!r}", hide_input=True, err=True))


def _typed_twice() -> str:
    if not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask for the passphrase in",
            next_step="Write it to a file that only you can read, and name that file.",
        )
    return str(click.prompt("New passphrase of the repository", hide_input=True, confirmation_prompt="Again", err=True))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read", why=str(error), next_step="Check the path.") from error
