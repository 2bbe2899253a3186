"""What the status bar says of the console beside the fleet: lockdown, and how many alerts fire."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.console import Console
from quri_console.errors import QuriError
from quri_console.render.alert_table import critical_words


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
