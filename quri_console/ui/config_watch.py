"""Takes over a configuration file that was changed while the console runs: what can, and when it disturbs nobody."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quri_console.config import load_config
from quri_console.config.live import live_change
from quri_console.errors import QuriError
from quri_console.render.config_change import WAITS, broken_words, change_words
from quri_console.render.escape import escape
from quri_console.ui.background import blocking, off_loop
from quri_console.ui.file_stamp import file_stamp

if TYPE_CHECKING:
    from quri_console.config import Config
    from quri_console.ui.app import QuriApp

SECONDS_TO_READ = 15


class ConfigWatch:
    """Looks at one file. While a dialog or the wizard is open, what was changed in it waits."""

    def __init__(self, app: QuriApp, path: Path) -> None:
        self._app = app
        self._path = path
        self._seen = file_stamp(path)
        self._was_broken = False
        self._working = False
        self._waiting: Config | None = None

    def look(self) -> None:
        """Read the file if it was changed, and take over what waits if that disturbs nobody now."""
        if self._working:
            return
        if file_stamp(self._path) != self._seen:
            self._begin(self._read)
        elif self._waiting is not None and not self._app.in_dialog:
            self._begin(self._take_over)

    def _begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """One at a time, and to its end: half-way the service is stopped."""
        self._working = True

        async def done() -> None:
            try:
                await work()
            finally:
                self._working = False

        self._app.run_worker(done(), group="config", exit_on_error=False)

    async def _read(self) -> None:
        self._seen = file_stamp(self._path)
        try:
            self._waiting = await off_loop(blocking(lambda: load_config(self._path)))
        except QuriError as error:
            self._was_broken, self._waiting = True, None
            self._say(broken_words(error), broken=True)
            return
        if self._app.in_dialog:
            self._say(WAITS)
        else:
            await self._take_over()

    async def _take_over(self) -> None:
        wanted, self._waiting = self._waiting, None
        if wanted is None:
            return
        change = live_change(self._app.console_door.config, wanted)
        mended, self._was_broken = self._was_broken, False
        if change.taken:
            await self._app.use_config(change)
        self._say(change_words(change.taken, change.waiting, mended=mended))

    def _say(self, text: str, *, broken: bool = False) -> None:
        self._app.notify(
            escape(text),
            title="Configuration",
            severity="error" if broken else "information",
            timeout=SECONDS_TO_READ,
        )
