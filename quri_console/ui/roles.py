"""Semantic roles of `render` as colours of the theme in force."""

from __future__ import annotations

from rich.style import Style
from textual.app import App
from textual.color import Color

_BOLD_ROLES = frozenset({"status-critical", "production"})


def style_of(app: App[object], role: str) -> Style:
    """The style of a role; a role that the theme does not know is drawn plain."""
    value = app.theme_variables.get(role)
    bold = role in _BOLD_ROLES
    if value is None:
        return Style(bold=bold)
    return Style(color=Color.parse(value).rich_color, bold=bold)
