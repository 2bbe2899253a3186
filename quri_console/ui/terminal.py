"""Opens the console on this terminal: settings before Textual is imported, signals, and a clean way out."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING

from quri_console.errors import UsageError
from quri_console.ui.options import ConsoleOptions, Manner, initial_environment, manner_of, textual_settings

if TYPE_CHECKING:
    from quri_console.console import Console
    from quri_console.drill.referee import News
    from quri_console.ui.app import QuriApp

LEAVING_SIGNALS = (signal.SIGHUP, signal.SIGTERM)


def run_console(
    console: Console, options: ConsoleOptions | None = None, *, news: Callable[[], Sequence[News]] | None = None
) -> int:
    """Open the console on the terminal; returns the exit code. `news` is asked every other second what to tell.

    Raises UsageError for options that name nothing.
    """
    manner = manner_of(options or ConsoleOptions(), console.config.ui, initial_environment(os.environ))
    canister_id = None if manner.canister is None else console.config.canister(manner.canister).id
    os.environ.update(textual_settings(manner, os.environ))
    from quri_console.ui.app import QuriApp
    from quri_console.ui.terminal_driver import TerminalDriver

    if options is not None and options.theme is not None:
        _check_theme(console, manner)
    while True:
        app = QuriApp(console, manner=manner, selected_id=canister_id, driver_class=TerminalDriver, news=news)
        with _Signals(partial(_leave, app)):
            code = app.run(mouse=app.manner.mouse)
        if app.failure is not None:
            raise app.failure
        if app.next_network is None:
            return code or 0
        # everything that was asked of one network is forgotten, so that nothing of it is taken for the other's
        console.use_network(app.next_network)
        manner, canister_id = app.manner, app.selected_id


def _check_theme(console: Console, manner: Manner) -> None:
    from quri_console.ui.theme_files import load_themes, theme_folders

    names = [theme.name for theme in load_themes(*theme_folders(manner.theme_dir, console.config.path.parent)).themes]
    if manner.theme not in names:
        raise UsageError(f"there is no theme {manner.theme!r}", next_step=f"Themes: {', '.join(sorted(names))}.")


def _leave(app: QuriApp) -> None:
    """End the console from a signal's handler, whether or not its terminal reads."""
    from quri_console.ui.terminal_driver import TerminalDriver

    # one that was just leaving for another network is not to be opened there: nobody looks any more
    app.next_network = None
    driver = app._driver
    if isinstance(driver, TerminalDriver):
        driver.terminal.leave()
        driver._loop.call_soon_threadsafe(app.exit, 0)


class _Signals:
    """Calls a function when the SSH connection goes or somebody ends the process.

    Handlers of the loop would not do: it may be waiting for the terminal.
    """

    def __init__(self, leave: Callable[[], None]) -> None:
        self._leave = leave
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for signum in LEAVING_SIGNALS:
                self._before[signum] = signal.signal(signum, self._heard)

    def __exit__(self, *error: object) -> None:
        for signum, before in self._before.items():
            signal.signal(signum, before)  # type: ignore[arg-type]

    def _heard(self, signum: int, frame: FrameType | None) -> None:
        self._leave()
