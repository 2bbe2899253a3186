"""Which theme suits a terminal, by what its environment says."""

from __future__ import annotations

from collections.abc import Mapping

DARK, LIGHT = "quri-dark", "quri-light"
ANSI_DARK, ANSI_LIGHT = "quri-ansi-dark", "quri-ansi-light"
_PLAIN_TERMINALS = ("linux", "vt100", "vt220", "xterm", "screen", "ansi")
_LIGHT_BACKGROUNDS = frozenset({"7", "9", "10", "11", "12", "13", "14", "15"})


def is_colourless(environment: Mapping[str, str]) -> bool:
    """Whether no colour at all is wanted (no-color.org: the variable is there and not empty)."""
    return bool(environment.get("NO_COLOR"))


def is_light(environment: Mapping[str, str]) -> bool:
    """Whether the terminal says that its background is light (`COLORFGBG`, last field)."""
    return environment.get("COLORFGBG", "").rsplit(";", 1)[-1] in _LIGHT_BACKGROUNDS


def suitable_theme(environment: Mapping[str, str], *, few: bool = False) -> str:
    """The name of the theme to begin with where nobody chose one; with `few` one of the terminal's own colours.

    Those are half as many bytes as colours of a theme's own.
    """
    term = environment.get("TERM", "")
    few_colours = few or (not environment.get("COLORTERM") and not term.endswith(("256color", "direct")))
    if is_colourless(environment) or few_colours or term in _PLAIN_TERMINALS:
        return ANSI_LIGHT if is_light(environment) else ANSI_DARK
    return LIGHT if is_light(environment) else DARK
