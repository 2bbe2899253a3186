"""Heartbeats: about once a second for every canister that has one and can run it (spec: heartbeat)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from quri_console.localnet.canister import Canister
from quri_console.localnet.subnet import Subnet

HEARTBEAT_SECONDS = 1.0
"""The network runs heartbeats in each round, of which there is about one a second."""


class Heartbeats:
    """Calls `beat` as long as `can_beat`; who cannot costs nothing until it is armed again."""

    def __init__(self, subnet: Subnet, can_beat: Callable[[Canister], bool], beat: Callable[[Canister], None]) -> None:
        self._subnet = subnet
        self._can_beat = can_beat
        self._beat = beat
        self._hearts: dict[bytes, asyncio.Task[None]] = {}

    def arm(self, canister: Canister) -> None:
        """Start to beat, or stop; called after everything that may have changed whether the canister can."""
        if not self._can_beat(canister):
            self.disarm(canister)
        elif canister.id not in self._hearts:
            self._hearts[canister.id] = self._subnet.spawn(self._live(canister))

    def disarm(self, canister: Canister) -> None:
        """Beat no longer."""
        heart = self._hearts.pop(canister.id, None)
        if heart is not None:
            heart.cancel()

    async def _live(self, canister: Canister) -> None:
        while True:
            await self._subnet.clock.sleep(HEARTBEAT_SECONDS)
            if not self._can_beat(canister):
                self._hearts.pop(canister.id, None)
                return
            self._beat(canister)
