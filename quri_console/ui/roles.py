"""Semantic roles of `render` as colours of the theme in force."""

from __future__ import annotations

from collections.abc import Iterable

from rich.style import Style
from rich.text import Text
from textual.app import App
from textual.color import Color

from quri_console.render.spans import Line

_BOLD_ROLES = frozenset({"status-critical", "production", "title"})


def style_of(app: App[object], role: str) -> Style:
    """The style of a role; a role that the theme does not know is drawn plain."""
    value = app.theme_variables.get(role)
    bold = role in _BOLD_ROLES
    if value is None:
        return Style(bold=bold)
    return Style(color=Color.parse(value).rich_color, bold=bold)


def drawn(app: App[object], lines: Iterable[Line]) -> Text:
    """Lines as text in the colours of their roles."""
    text = Text()
    for number, line in enumerate(lines):
        text.append("\n" if number else "")
        for span in line:
            text.append(span.text, style_of(app, span.role))
    return text
