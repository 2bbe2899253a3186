"""Opens the full-screen console, and ends the process when it was closed."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn

from quri_console.cli.invocation import Invocation
from quri_console.errors import UsageError

CONSOLE_MODULE = "quri_console.ui.app"
"""Loaded in a process that opened the console."""
DUMB = "dumb"
"""What TERM is where a terminal only takes line after line, as in an editor's shell."""


def open_console(invocation: Invocation) -> int:
    """Open the full-screen console, by way of a first configuration where there is none.

    Raises UsageError where there is no terminal for it, ConfigError.
    """
    require_terminal()
    from quri_console.config.places import default_config_path, is_first_run

    if is_first_run(invocation.config):
        from quri_console.cli.guided import first_run

        return first_run(default_config_path(), invocation)
    from quri_console.ui.terminal import run_console

    return run_console(invocation.console(), invocation.console_options)


def require_terminal() -> None:
    """Raise UsageError where there is no terminal for a full-screen console."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the console needs a terminal",
            why="standard input or output is not one",
            next_step="In scripts and pipes use `quri-console status`, or --help for the other commands.",
        )
    if os.environ.get("TERM") == DUMB:
        raise UsageError(
            "the console needs a terminal that can place its cursor",
            why="TERM says that this one is dumb",
            next_step="Use `quri-console status`, or `quri-console watch --plain`, which writes line by line; if the "
            "terminal can do more, set TERM=xterm-256color.",
        )


def end_at_once(code: int) -> NoReturn:
    """End without the half second in which the interpreter takes itself apart, and whatever calls are under way.

    The console has closed what it opened; calls in its daemon threads change nothing that is not in a runner.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
