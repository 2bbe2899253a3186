"""What the options before the sub-command said; every command receives it as its click object."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quri_console.console import Console
    from quri_console.ui.options import ConsoleOptions


@dataclass(frozen=True, slots=True)
class Invocation:
    """The global options, and the one door they open."""

    config: Path | None = None
    network: str | None = None
    read_only: bool = False
    debug: bool = False
    console_options: ConsoleOptions | None = None
    """How the console is to look, where anything was said of it."""

    def console(self) -> Console:
        """The console of this invocation. Raises ConfigError, UsageError."""
        from quri_console.console import Console

        return Console.open(
            config_path=self.config,
            network=self.network,
            read_only=self.read_only,
            passphrase=cache(_ask_passphrase) if sys.stdin.isatty() else None,
            repository_passphrase=cache(_ask_repository_passphrase) if sys.stdin.isatty() else None,
        )


def _ask_passphrase() -> str:
    import click

    return str(click.prompt("Passphrase of the key", hide_input=True, err=True))


def _ask_repository_passphrase() -> str:
    import click

    return str(click.prompt("Passphrase of the repository", hide_input=True, err=True))
