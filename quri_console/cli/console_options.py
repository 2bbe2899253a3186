"""The options that say how the console looks; of no use to commands that do not open it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from quri_console.errors import UsageError

if TYPE_CHECKING:
    from quri_console.ui.options import ConsoleOptions

OPENING_CONSOLE = ("demo",)
"""The commands that open the console, too."""
WITH_VALUE = ("--canister", "--view", "--theme", "--theme-dir")
VIEWS = ("fleet", "cycles", "backups", "alerts", "activity")
_Command = TypeVar("_Command", bound=Callable[..., Any])
_OPTIONS = (
    click.option("--canister", metavar="NAME", help="Console: begin at this canister."),
    click.option("--view", type=click.Choice(VIEWS), help="Console: begin with this view."),
    click.option("--theme", metavar="NAME", help="Console: the theme; key T lists them."),
    click.option(
        "--theme-dir",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        metavar="FOLDER",
        help="Console: a folder with more theme files.",
    ),
    click.option("--low-bandwidth", is_flag=True, default=None, help="Console: redraw seldom, for slow links."),
    click.option("--ascii/--no-ascii", "ascii_", default=None, help="Console: draw with ASCII characters only."),
    click.option("--mouse/--no-mouse", default=None, help="Console: take clicks from the terminal (key M)."),
    click.option("--utc/--local", "utc", default=None, help="Console: times in UTC, or in this machine's zone."),
)


def console_options(command: _Command) -> _Command:
    """Give a command these options."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def options_of(values: Mapping[str, Any]) -> ConsoleOptions | None:
    """What these values of the command line come to; None where nothing was said."""
    if not _given(values):
        return None
    from quri_console.ui.options import ConsoleOptions

    utc = values["utc"]
    return ConsoleOptions(
        canister=values["canister"],
        view=values["view"],
        theme=values["theme"],
        theme_dir=values["theme_dir"],
        low_bandwidth=values["low_bandwidth"],
        ascii=values["ascii_"],
        mouse=values["mouse"],
        zone=None if utc is None else "utc" if utc else "local",
    )


def refuse_given(values: Mapping[str, Any], command: str) -> None:
    """Raise UsageError for options of the console before a command that does not open it."""
    given = _given(values)
    if given:
        raise UsageError(
            f"{given[0]} is for the console, and `quri-console {command}` does not open it",
            next_step=f"Leave it out, or leave `{command}` out.",
        )


def _given(values: Mapping[str, Any]) -> list[str]:
    names = {"ascii_": "--ascii", "utc": "--utc/--local"}
    return [names.get(name, f"--{name.replace('_', '-')}") for name, value in values.items() if value is not None]
