"""Brings messages to their channels for as long as a process watches; any number of processes may do so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

from quri_console.config.log import LogLevel
from quri_console.errors import QuriError
from quri_console.history import History
from quri_console.history.outbox import WaitingMessage
from quri_console.monitor.notify.channel import open_channels
from quri_console.monitor.notify.deliverer import Deliverer, title_of
from quri_console.monitor.notify.outside import Outside
from quri_console.monitor.notify.verdict import Verdict
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
    async with await History.open(session.config.paths.history) as history, _deliverer(session, history) as worker:
        await worker.run()


async def deliver_for(session: Session, history: History, seconds: float) -> bool:
    """Deliver what can be delivered within `seconds`; whether nothing is left."""
    if not session.config.channels:
        return True
    async with _deliverer(session, history) as worker:
        return await worker.drain(seconds)


@asynccontextmanager
async def _deliverer(session: Session, history: History) -> AsyncIterator[Deliverer]:
    """A deliverer for the configured channels."""
    async with Outside() as outside:
        channels = open_channels(session.config.channels, outside, session.clock)
        random = Random()  # noqa: S311 - jitter

        def heard(message: WaitingMessage, verdict: Verdict) -> None:
            _log(session, message, verdict)

        yield Deliverer(history.outbox, channels, clock=session.clock, random=random, heard=heard)


def _log(session: Session, message: WaitingMessage, verdict: Verdict) -> None:
    about = f"{message.channel}: {title_of(message)}"
    said: tuple[str, LogLevel]
    if verdict.outcome == "delivered":
        said = f"delivered to {about}", "info"
    elif verdict.outcome == "dead":
        said = f"gave up for {about}: {verdict.why}", "error"
    else:
        said = f"failed for {about}: {verdict.why}; it is tried again", "warning"
    session.log.say("delivery", *said, channel=message.channel, message=message.key, attempt=message.attempts)
