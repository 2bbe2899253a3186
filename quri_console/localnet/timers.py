"""Global timers and heartbeats: one sleeper per canister whose timer is set (spec: global timer)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.localnet.canister import Canister
from quri_console.localnet.heartbeats import Heartbeats
from quri_console.localnet.subnet import Subnet


class Timers:
    """Calls `fire` when a canister's global timer is due; whether it may run then is for `fire` to judge."""

    def __init__(self, subnet: Subnet, fire: Callable[[Canister], None], heartbeats: Heartbeats) -> None:
        self._subnet = subnet
        self._fire = fire
        self._heartbeats = heartbeats
        self._sleepers: dict[bytes, tuple[int, asyncio.Task[None]]] = {}

    def arm(self, canister: Canister) -> None:
        """Wait for timer and heartbeat as they are now; called after everything that may have changed them."""
        self._heartbeats.arm(canister)
        due_ns = canister.instance.global_timer_ns if canister.instance else 0
        known = self._sleepers.get(canister.id)
        if known is not None and known[0] == due_ns and not known[1].done():
            return
        self._forget(canister)
        if due_ns:
            self._sleepers[canister.id] = (due_ns, self._subnet.spawn(self._wait(canister, due_ns)))

    def disarm(self, canister: Canister) -> None:
        """Wait no longer, neither for the timer nor for a heartbeat."""
        self._heartbeats.disarm(canister)
        self._forget(canister)

    def _forget(self, canister: Canister) -> None:
        _, sleeper = self._sleepers.pop(canister.id, (0, None))
        if sleeper is not None and sleeper is not asyncio.current_task():
            sleeper.cancel()

    async def _wait(self, canister: Canister, due_ns: int) -> None:
        remaining_ns = due_ns - self._subnet.clock.now_ns()
        if remaining_ns > 0:
            await self._subnet.clock.sleep(remaining_ns / NANOSECONDS_PER_SECOND)
        self._fire(canister)
