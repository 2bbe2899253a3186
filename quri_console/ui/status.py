"""What the status bar says of the console beside the fleet: lockdown, and how many alerts fire."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.console import Console
from quri_console.errors import QuriError


@dataclass(frozen=True, slots=True)
class ConsoleStatus:
    """As last looked up."""

    lockdown: bool = False
    firing: int = 0


async def console_status(console: Console) -> ConsoleStatus:
    """How it is now; a history that cannot be read counts no alert, and is complained of by the picture itself."""
    lockdown = console.lockdown() is not None
    try:
        alerts = await console.alerts(since_seconds=0)
    except QuriError:
        return ConsoleStatus(lockdown)
    return ConsoleStatus(lockdown, sum(alert.state == "firing" for alert in alerts.current))
