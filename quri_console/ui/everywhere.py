"""What can be done in every view: the actions of the registry that have no scope of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from quri_console.render.escape import escape
from quri_console.ui.screens.too_small import TooSmallScreen
from quri_console.ui.screens.view import ViewScreen
from quri_console.ui.telling import TellingApp

if TYPE_CHECKING:
    from quri_console.monitor.fleet import FleetStatus
    from quri_console.ui.app import QuriApp
    from quri_console.ui.theme_shelf import ThemeShelf


class EverywhereActions(TellingApp):
    """The part of the application that keys of every view reach."""

    paused: bool
    newest: FleetStatus | None
    shelf: ThemeShelf
    next_network: str | None = None
    """Where the console is to be opened when this one has ended."""

    def show_newest(self) -> None:
        """Draw the newest picture."""
        raise NotImplementedError

    def redraw_views(self) -> None:
        """Draw what is on screen again."""
        raise NotImplementedError

    def action_view(self, name: str) -> None:
        """Go to a view."""
        if self.current_mode != name:
            self.switch_mode(name)

    def action_help_quit(self) -> None:
        """What Ctrl-C does: it ends nothing, because it is typed by habit."""
        self.notify("q quits; Ctrl-C does not.")

    def action_poll_now(self) -> None:
        self.poll_now()

    def action_pause(self) -> None:
        """Keep the picture still, or go on with the newest."""
        self.paused = not self.paused
        if not self.paused and self.newest is not None:
            self.show_newest()
        self.redraw_views()

    def action_palette(self) -> None:
        from quri_console.ui.screens.palette import PaletteScreen

        if isinstance(self.screen, ViewScreen):
            self.push_screen(PaletteScreen(self.screen.VIEW))

    def action_runbook(self, page: str = "") -> None:
        """Open the runbook: on that page, else on what fits what is chosen on the screen, else on its list."""
        from quri_console.ui.screens.runbook import RunbookScreen

        if isinstance(self.screen, RunbookScreen | TooSmallScreen):
            return
        fits, about = getattr(self.screen, "help_page", ("", ""))
        self.push_screen(RunbookScreen(page or fits, about))

    def action_notices(self) -> None:
        from quri_console.ui.screens.notices import NoticesScreen

        self.push_screen(NoticesScreen())

    def action_copy(self) -> None:
        from quri_console.ui.clipboard import copy_text

        text = self.screen.text_to_copy() if isinstance(self.screen, ViewScreen) else ""
        if text:
            self.notify(copy_text(cast("QuriApp", self), text))
        else:
            self.notify("There is nothing to copy here.", severity="warning")

    def action_help(self) -> None:
        from quri_console.ui.screens.help import HelpScreen, page_keys

        title, keys = getattr(self.screen.focused, "KEY_HELP", ("", ()))
        if isinstance(self.screen, ViewScreen):
            self.push_screen(HelpScreen(self.screen.VIEW, title, keys))
        elif not isinstance(self.screen, HelpScreen | TooSmallScreen):
            self.push_screen(HelpScreen(None, title, keys, page_keys(self.screen)))

    def action_network(self) -> None:
        """Choose another network, and open the console anew on it."""
        from quri_console.ui.screens.networks import NetworksScreen

        door = self.console_door
        self.push_screen(NetworksScreen(door.config.networks, door.network.name), self._network_chosen)

    def _network_chosen(self, name: str | None) -> None:
        if name is not None and name != self.console_door.network.name:
            self.next_network = name
            self.exit(0)

    def action_theme(self) -> None:
        """Choose another theme from the list."""
        from quri_console.ui.screens.themes import ThemesScreen

        self.push_screen(ThemesScreen(self.shelf.themes, self.theme), self._theme_chosen)

    def _theme_chosen(self, name: str | None) -> None:
        if name is not None:
            self.notify(f'To begin with it: theme = "{escape(name)}" in [ui] of the configuration.', title="Theme")

    def action_mouse(self) -> None:
        """Take the mouse, or leave it to the terminal, whose own selection then works."""
        from quri_console.ui.mouse import toggle_mouse

        self.notify(toggle_mouse(self._driver), title="Mouse")
