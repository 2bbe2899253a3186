"""The service log as commands and the console read it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from quri_console.service.session import Session
from quri_console.service_log.line import LogLine
from quri_console.service_log.reading import LogReader, Wanted

LOOK_SECONDS = 0.5


async def service_log(
    session: Session, wanted: Wanted, *, newest: int | None = None, follow: bool = False
) -> AsyncIterator[LogLine]:
    """The lines of all processes, oldest first: the `newest` so many or all, and with `follow` what comes after.

    Raises LogUnreadable.
    """
    reader = LogReader(session.config.paths.logs, wanted)
    for line in await asyncio.to_thread(lambda: deque(reader.lines(), newest)):
        yield line
    while follow:
        await session.clock.sleep(LOOK_SECONDS)
        for line in await asyncio.to_thread(lambda: list(reader.lines())):
            yield line
