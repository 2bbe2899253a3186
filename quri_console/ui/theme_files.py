"""Theme files (TOML): colours by role, checked key by key before Textual sees them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import BUILTIN_THEMES, Theme

COLOUR_KEYS = (
    "primary",
    "secondary",
    "accent",
    "foreground",
    "background",
    "surface",
    "panel",
    "success",
    "warning",
    "error",
)

# Roles that our style sheets use; every theme may override them, none has to.
DEFAULT_ROLES: Mapping[str, str] = {
    "status-ok": "#9de8cc",
    "status-warning": "#f2c14e",
    "status-critical": "#f4605a",
    "status-unknown": "#b18ae6",
    "stale": "#9aa0b8",
    "muted": "#9aa0b8",
    "production": "#f4605a",
    "spark": "#7dcfff",
    "delta-up": "#9de8cc",
    "delta-down": "#f4605a",
    "delta-changed": "#f2c14e",
}


@dataclass(frozen=True, slots=True)
class LoadedThemes:
    """The themes that could be read, and one sentence for each file that could not."""

    themes: tuple[Theme, ...]
    problems: tuple[str, ...]


def packaged_themes_folder() -> Path:
    """`themes/` inside the installed package, or at the top of a source checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "themes"
    return installed if installed.is_dir() else package.parent / "themes"


def theme_folders(chosen: Path | None, config_folder: Path) -> tuple[Path, ...]:
    """Where themes are looked for; a later folder's theme takes the place of an earlier one's of the same name."""
    own = config_folder / "themes"
    found = (packaged_themes_folder(), *((own,) if own.is_dir() else ()), *((chosen,) if chosen is not None else ()))
    # one that is named although it is looked into anyway would be complained of twice
    return tuple(dict.fromkeys(found))


def load_themes(*folders: Path) -> LoadedThemes:
    """All `*.toml` of the folders; a broken file or a folder that is gone becomes a problem, never an exception."""
    themes: dict[str, Theme] = {}
    problems: list[str] = []
    for folder in folders:
        if not folder.is_dir():
            problems.append(f"{folder} is no folder")
        for path in sorted(folder.glob("*.toml")):
            try:
                theme = theme_from_toml(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                problems.append(f"{path.name}: {error}")
            else:
                themes[theme.name] = theme
    return LoadedThemes(tuple(themes.values()), tuple(problems))


def newest_change_ns(*folders: Path) -> int:
    """When a theme file was last changed, in nanoseconds since 1970; 0 without any."""
    stamps = [path.stat().st_mtime_ns for folder in folders if folder.is_dir() for path in folder.glob("*.toml")]
    return max(stamps, default=0)


def theme_from_toml(text: str) -> Theme:
    """The theme written in `text`; raises ValueError naming the key that is wrong."""
    data = tomllib.loads(text)
    unknown = sorted(set(data) - {"name", "dark", "ansi", "variables", *COLOUR_KEYS})
    if unknown:
        allowed = ", ".join(COLOUR_KEYS)
        raise ValueError(f"unknown key {unknown[0]!r}; allowed are name, dark, ansi, {allowed} and variables")
    name, dark, roles = data.get("name"), data.get("dark", True), data.get("variables", {})
    ansi = data.get("ansi", False)
    if not isinstance(name, str) or not name:
        raise ValueError("'name' is missing")
    if not isinstance(dark, bool) or not isinstance(ansi, bool):
        raise ValueError(f"{'dark' if not isinstance(dark, bool) else 'ansi'!r} must be true or false")
    if not isinstance(roles, dict):
        raise ValueError("'variables' must be a table")
    unknown_roles = sorted(set(roles) - set(DEFAULT_ROLES))
    if unknown_roles:
        raise ValueError(f"unknown role {unknown_roles[0]!r}; allowed are {', '.join(DEFAULT_ROLES)}")
    if "primary" not in data:
        raise ValueError("'primary' is missing")
    colours = {key: _checked_colour(key, data[key]) for key in COLOUR_KEYS if key in data}
    variables = {key: _checked_colour(key, value) for key, value in roles.items()}
    if ansi:  # Textual's own style sheets want more of a theme of the terminal's colours
        variables = {**BUILTIN_THEMES["ansi-dark" if dark else "ansi-light"].variables, **variables}
    fields: dict[str, Any] = {**colours, "name": name, "dark": dark, "ansi": ansi, "variables": variables}
    return Theme(**fields)


def _checked_colour(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f'{key!r} must be a colour in quotes, like "#7aa2f7"')
    try:
        Color.parse(value)
    except ColorParseError:
        raise ValueError(f"{key!r}: {value!r} is not a colour; write it like #7aa2f7") from None
    return value
