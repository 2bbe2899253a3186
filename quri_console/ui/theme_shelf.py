"""The themes of a running console: read at the start, read again when a file changes, chosen from a list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.theme import Theme

from quri_console.render.escape import escape
from quri_console.ui.theme_choice import ANSI_DARK, DARK
from quri_console.ui.theme_files import load_themes, newest_change_ns, theme_folders

if TYPE_CHECKING:
    from textual.app import App

    from quri_console.console import Console

LONGEST_PROBLEM = 600


class ThemeShelf:
    """Loads themes into an app; what is wrong with their files is said in one message, never raised."""

    def __init__(
        self, app: App[int], folders: tuple[Path, ...], warn: Callable[[str], None], *, colourless: bool = False
    ) -> None:
        self._app = app
        self._folders = folders
        self._warn = warn
        self._colourless = colourless
        self._changed_ns = newest_change_ns(*folders)
        self._names: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, app: App[int], console: Console, chosen: Path | None, warn: Callable[[str], None], *, colourless: bool
    ) -> ThemeShelf:
        """The shelf with the program's folder, the configuration's and the chosen one."""
        return cls(app, theme_folders(chosen, console.config.path.parent), warn, colourless=colourless)

    @property
    def themes(self) -> tuple[Theme, ...]:
        """What can be chosen: without colours only the themes that have none of their own."""
        found = (self._app.get_theme(name) for name in self._names)
        return tuple(theme for theme in found if theme is not None and (theme.ansi or not self._colourless))

    def load(self, wanted: str) -> None:
        """Register every theme that can be read and use the wanted one, another where there is no such theme."""
        loaded = load_themes(*self._folders)
        for theme in loaded.themes:
            self._app.register_theme(theme)
        self._names = tuple(theme.name for theme in loaded.themes)
        problems = list(loaded.problems)
        fallback = ANSI_DARK if self._colourless else DARK
        if wanted not in self._app.available_themes:
            problems.append(f"there is no theme {wanted!r}; there are {', '.join(sorted(self._names))}")
            wanted = fallback
        theme_found = self._app.get_theme(wanted)
        if self._colourless and theme_found is not None and not theme_found.ansi:
            problems.append(f"NO_COLOR is set, so {wanted} is not used: it has colours of its own")
            wanted = fallback
        self._app.theme = wanted if wanted in self._app.available_themes else "ansi-dark"
        if problems:
            self._warn(escape("; ".join(problems), limit=LONGEST_PROBLEM))

    def reload_if_changed(self) -> None:
        """A theme file that was changed is drawn at once."""
        changed_ns = newest_change_ns(*self._folders)
        if changed_ns == self._changed_ns:
            return
        self._changed_ns, wanted = changed_ns, self._app.theme
        # Textual draws anew only when the name changes
        self._app.theme = "ansi-dark" if wanted != "ansi-dark" else "ansi-light"
        self.load(wanted)
