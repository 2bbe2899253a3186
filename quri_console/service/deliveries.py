"""Brings messages to their channels for as long as a process watches; any number of processes may do so."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from quri_console.errors import QuriError
from quri_console.history import History
from quri_console.monitor.notify.channel import open_channels
from quri_console.monitor.notify.deliverer import Deliverer
from quri_console.monitor.notify.outside import Outside
from quri_console.service.session import Session

PAUSE_SECONDS = 10.0


async def deliver_until_cancelled(session: Session, tell: Callable[[str], None]) -> None:
    """Deliver what the outbox holds, without end; `tell` hears what goes wrong, after which it is tried again."""
    if not session.config.channels:
        return
    while True:
        try:
            await _deliver(session)
        except* QuriError as failures:
            tell(f"deliveries: {failures.exceptions[0]}")
        except* Exception as failures:  # noqa: BLE001 - a bug must be seen, and must not end the watch
            error = failures.exceptions[0]
            tell(f"deliveries: quri-console itself failed: {type(error).__name__}: {error}")
        await session.clock.sleep(PAUSE_SECONDS)


async def _deliver(session: Session) -> None:
    async with await History.open(session.config.paths.history) as history, Outside() as outside:
        channels = open_channels(session.config.channels, outside, session.clock)
        await Deliverer(history.outbox, channels, clock=session.clock, random=Random()).run()  # noqa: S311 - jitter
