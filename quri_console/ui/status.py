"""What the status bar says of the console beside the fleet: lockdown, and how many alerts fire."""

from __future__ import annotations

import math
from dataclasses import dataclass

from quri_console.console import Console
from quri_console.effects.lockdown import LOCKDOWN_NAME
from quri_console.errors import QuriError
from quri_console.render.alert_table import critical_words
from quri_console.ui.background import off_loop
from quri_console.ui.file_stamp import Stamp, file_stamp

LONGEST_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ConsoleStatus:
    """As last looked up."""

    lockdown: bool = False
    firing: int = 0
    critical: frozenset[str] = frozenset()
    """What fires critically and is neither silenced nor acknowledged, each in a few words that stay the same."""
    looked_up: bool = False
    """Whether the alerts could be read."""


async def console_status(console: Console) -> ConsoleStatus:
    """How it is now; a history that cannot be read counts no alert, and is complained of by the picture itself."""
    lockdown = console.lockdown() is not None
    try:
        alerts = await console.alerts(since_seconds=0)
    except QuriError:
        return ConsoleStatus(lockdown)
    firing = sum(alert.state == "firing" for alert in alerts.current)
    critical = critical_words(alerts.current, alerts.mutes, alerts.names)
    return ConsoleStatus(lockdown, firing, critical, looked_up=True)


class StatusLook:
    """Looks the status up, unless nothing of it was written since; opening the history costs most of a picture."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen: tuple[Stamp | None, ...] | None = None
        self._looked_at = -math.inf

    async def newest(self) -> ConsoleStatus | None:
        """The status; None where it is still the one before. What runs out by itself is noticed in half a minute."""
        written, now = self._written(), self._console.clock.monotonic()
        if written == self._seen and now - self._looked_at < LONGEST_SECONDS:
            return None
        status = await off_loop(lambda: console_status(self._console))
        # a look that was given up or failed must not pass for one that saw this
        if status.looked_up:
            self._seen, self._looked_at = written, now
        return status

    def _written(self) -> tuple[Stamp | None, ...]:
        paths = self._console.config.paths
        history = paths.history
        return tuple(map(file_stamp, (history, history.with_name(f"{history.name}-wal"), paths.state / LOCKDOWN_NAME)))
