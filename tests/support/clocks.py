"""A manual clock that tells when somebody starts to wait on it."""

from __future__ import annotations

import asyncio

from quri_console.clock import ManualClock


class WatchedClock(ManualClock):
    """Sets `slept` when a sleeper has come."""

    def __init__(self) -> None:
        super().__init__()
        self.slept = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        # The sleeper is entered before anybody who waits for the event can run.
        self.slept.set()
        await super().sleep(seconds)
