"""The table `[ui]`: how the console looks and behaves unless its command line says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from quri_console.config.fields import Table

Zone = Literal["utc", "local"]
Ascii = Literal["auto", "always", "never"]


@dataclass(frozen=True, slots=True)
class UiConfig:
    """What the console starts with; every field has an option of `quri-console` that goes before it."""

    theme: str | None = None
    """None: the one that suits the terminal."""
    theme_dir: Path | None = None
    """A folder of theme files besides those of the program and of the configuration's folder."""
    mouse: bool = False
    low_bandwidth: bool = False
    ascii: Ascii = "auto"
    """Whether only ASCII characters are drawn; auto: where the locale is not a UTF-8 one."""
    time: Zone = "utc"
    bell: bool = False
    """Whether the terminal rings when another alert fires critically that nobody silenced."""
    osc9: bool = False
    """Whether the terminal is asked, by OSC 9, for a message of the desktop then."""
    runbook_dir: Path | None = None
    """A folder of runbook sections (*.md) that add to those of the program, or stand in their place."""


def ui_of(table: Table) -> UiConfig:
    """How the console looks. Raises ConfigError."""
    table.done(("theme", "theme_dir", "mouse", "low_bandwidth", "ascii", "time", "bell", "osc9", "runbook_dir"))
    return UiConfig(
        theme=table.text("theme", 'Allowed: the name of a theme, like "quri-light"; key T of the console lists them.'),
        theme_dir=table.file("theme_dir", "Allowed: the path of a folder with theme files (*.toml)."),
        mouse=table.boolean("mouse", default=False),
        low_bandwidth=table.boolean("low_bandwidth", default=False),
        ascii=cast("Ascii", table.choice("ascii", get_args(Ascii), "auto")),
        time=cast("Zone", table.choice("time", get_args(Zone), "utc")),
        bell=table.boolean("bell", default=False),
        osc9=table.boolean("osc9", default=False),
        runbook_dir=table.file("runbook_dir", "Allowed: the path of a folder with runbook sections (*.md)."),
    )
