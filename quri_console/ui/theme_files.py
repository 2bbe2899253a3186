"""Theme files (TOML): colours by role, checked key by key before Textual sees them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

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
    "status-ok": "#9ece6a",
    "status-warning": "#e0af68",
    "status-critical": "#ff7a93",
    "status-unknown": "#bb9af7",
    "stale": "#9aa0b8",
    "muted": "#9aa0b8",
    "production": "#ff7a93",
    "spark": "#7dcfff",
    "delta-up": "#9ece6a",
    "delta-down": "#ff7a93",
    "delta-changed": "#e0af68",
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


def load_themes(folder: Path) -> LoadedThemes:
    """All `*.toml` of `folder`; a broken file becomes a problem, never an exception."""
    themes: list[Theme] = []
    problems: list[str] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            themes.append(theme_from_toml(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            problems.append(f"{path.name}: {error}")
    return LoadedThemes(tuple(themes), tuple(problems))


def theme_from_toml(text: str) -> Theme:
    """The theme written in `text`; raises ValueError naming the key that is wrong."""
    data = tomllib.loads(text)
    unknown = sorted(set(data) - {"name", "dark", "variables", *COLOUR_KEYS})
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}; allowed are name, dark, {', '.join(COLOUR_KEYS)} and variables")
    name, dark, roles = data.get("name"), data.get("dark", True), data.get("variables", {})
    if not isinstance(name, str) or not name:
        raise ValueError("'name' is missing")
    if not isinstance(dark, bool):
        raise ValueError("'dark' must be true or false")
    if not isinstance(roles, dict):
        raise ValueError("'variables' must be a table")
    unknown_roles = sorted(set(roles) - set(DEFAULT_ROLES))
    if unknown_roles:
        raise ValueError(f"unknown role {unknown_roles[0]!r}; allowed are {', '.join(DEFAULT_ROLES)}")
    if "primary" not in data:
        raise ValueError("'primary' is missing")
    colours = {key: _checked_colour(key, data[key]) for key in COLOUR_KEYS if key in data}
    variables = {key: _checked_colour(key, value) for key, value in roles.items()}
    fields: dict[str, Any] = {**colours, "name": name, "dark": dark, "variables": variables}
    return Theme(**fields)


def _checked_colour(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f'{key!r} must be a colour in quotes, like "#7aa2f7"')
    try:
        Color.parse(value)
    except ColorParseError:
        raise ValueError(f"{key!r}: {value!r} is not a colour; write it like #7aa2f7") from None
    return value
