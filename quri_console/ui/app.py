"""The application: one console door, one service thread, and the fleet on screen."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

from textual.app import App

from quri_console.console import Console
from quri_console.errors import QuriError
from quri_console.monitor.fleet import FleetStatus
from quri_console.render.escape import escape
from quri_console.ui.messages import FleetChanged
from quri_console.ui.screens.fleet import FleetScreen
from quri_console.ui.theme_files import DEFAULT_ROLES, load_themes, packaged_themes_folder

if TYPE_CHECKING:
    from quri_console.service.operations import OperationHandle


class QuriApp(App[int]):
    """The terminal console."""

    TITLE = "quri-console"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, console: Console, *, theme: str = "quri-dark") -> None:
        colourless = "NO_COLOR" in os.environ
        # Textual chooses its colour filter in its constructor: only with ANSI colours does it drop all of them
        super().__init__(ansi_color=True if colourless else None)
        self.console_door = console
        self.fleet: FleetStatus | None = None
        self._theme_at_start = "ansi-dark" if colourless else theme

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Every role our style sheets use has a value, whatever a theme file leaves out."""
        return dict(DEFAULT_ROLES)

    def on_mount(self) -> None:
        loaded = load_themes(packaged_themes_folder())
        for theme in loaded.themes:
            self.register_theme(theme)
        if self._theme_at_start in self.available_themes:
            self.theme = self._theme_at_start
        for problem in loaded.problems:
            self.notify(escape(problem), title="Theme not loaded", severity="warning", markup=False)
        self._leave_on_hangup()
        self.push_screen(FleetScreen())
        self._service = self.console_door.start_service(self._publish)

    def _leave_on_hangup(self) -> None:
        """Leave cleanly when the SSH connection goes; operations live in their own processes."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGHUP, signal.SIGTERM):
            loop.add_signal_handler(signum, self.exit, 0)

    def _publish(self, fleet: FleetStatus) -> None:
        self.post_message(FleetChanged(fleet))

    def on_fleet_changed(self, message: FleetChanged) -> None:
        self.fleet = message.fleet
        for screen in self.screen_stack:
            if isinstance(screen, FleetScreen):
                screen.show(message.fleet)

    def poll_now(self) -> None:
        """Ask the service for a round at once."""
        self._service.poll_now()

    def tell_when_ended(self, handle: OperationHandle) -> None:
        """Say how an operation ended whose page was left."""
        self.run_worker(self._tell_when_ended(handle))

    async def _tell_when_ended(self, handle: OperationHandle) -> None:
        try:
            outcome = await handle.wait()
        except QuriError as error:
            self.notify(escape(error.what), title=handle.id, severity="error", markup=False)
            return
        text = " ".join(part for part in (outcome.what, outcome.next_step) if part)
        self.notify(
            escape(text), title=handle.id, severity="information" if outcome.ok else "error", markup=False, timeout=15
        )
        self.poll_now()

    def on_unmount(self) -> None:
        self._service.stop()


def run_console(console: Console) -> int:
    """Open the console on the terminal; returns the exit code."""
    return QuriApp(console).run(mouse=False) or 0
