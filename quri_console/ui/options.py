"""What the console was told to be like: its command line first, then `[ui]`, then what the terminal says.

Free of Textual, whose settings are read when it is imported: they have to be made of this before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from quri_console.config.ui import UiConfig, Zone

SSH_ESCAPE_MS = 250
"""So long may the rest of an arrow key's sequence take over a slow link before its Escape counts by itself."""
LOW_BANDWIDTH_FPS = 15
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
_INITIAL_ENVIRONMENT = Path("/proc/self/environ")


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """The options of `quri-console` without a command; None where nothing was said."""

    canister: str | None = None
    view: str | None = None
    theme: str | None = None
    theme_dir: Path | None = None
    low_bandwidth: bool | None = None
    ascii: bool | None = None
    mouse: bool | None = None
    zone: Zone | None = None


@dataclass(frozen=True, slots=True)
class Manner:
    """How the console behaves, decided."""

    theme: str | None = None
    theme_dir: Path | None = None
    low_bandwidth: bool = False
    ascii: bool = False
    mouse: bool = False
    zone: Zone = "utc"
    view: str | None = None
    canister: str | None = None


def manner_of(options: ConsoleOptions, config: UiConfig, environment: Mapping[str, str]) -> Manner:
    """The options, else the configuration, else what suits the terminal of this environment."""
    configured = {"always": True, "never": False, "auto": not is_utf8(environment)}[config.ascii]
    return Manner(
        theme=options.theme or config.theme,
        theme_dir=options.theme_dir or config.theme_dir,
        low_bandwidth=_said(options.low_bandwidth, config.low_bandwidth),
        ascii=_said(options.ascii, configured),
        mouse=_said(options.mouse, config.mouse),
        zone=options.zone or config.time,
        view=options.view,
        canister=options.canister,
    )


def manner_after(manner: Manner, before: UiConfig, now: UiConfig) -> Manner:
    """The manner after `[ui]` was changed, as far as a running console can; what an option had said before stays."""
    theme = now.theme if manner.theme == before.theme else manner.theme
    zone = now.time if manner.zone == before.time else manner.zone
    return replace(manner, theme=theme, zone=zone)


def _said(option: bool | None, otherwise: bool) -> bool:
    return otherwise if option is None else option


def is_utf8(environment: Mapping[str, str]) -> bool:
    """Whether the locale that this environment names draws UTF-8; one that names none is the C locale."""
    named = next((value for name in ("LC_ALL", "LC_CTYPE", "LANG") if (value := environment.get(name))), "")
    return named.lower().replace("-", "").partition(".")[2].startswith("utf8") or named.upper() == "UTF-8"


def initial_environment(environment: Mapping[str, str], path: Path = _INITIAL_ENVIRONMENT) -> Mapping[str, str]:
    """The environment as this process was given it: in the C locale Python sets LC_CTYPE to a UTF-8 one for itself."""
    if environment.get("LC_ALL") or environment.get("LC_CTYPE") not in _COERCED:
        return environment
    try:
        given = dict(entry.partition("=")[::2] for entry in path.read_bytes().decode(errors="replace").split("\0"))
    except OSError:
        return environment
    return {**environment, "LC_CTYPE": given.get("LC_CTYPE", "")}


def textual_settings(manner: Manner, environment: Mapping[str, str]) -> dict[str, str]:
    """What Textual reads from the environment when it is imported; what somebody set by hand stays."""
    settings = {"TEXTUAL_ANIMATIONS": "none", "TEXTUAL_SMOOTH_SCROLL": "0"}
    if manner.low_bandwidth:
        settings["TEXTUAL_FPS"] = str(LOW_BANDWIDTH_FPS)
    if environment.get("SSH_CONNECTION") or environment.get("SSH_TTY") or manner.low_bandwidth:
        settings["ESCDELAY"] = str(SSH_ESCAPE_MS)
    return {name: value for name, value in settings.items() if name not in environment}
