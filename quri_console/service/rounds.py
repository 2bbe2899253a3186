"""The loop of rounds: one process polls, the others read along, and a dead one is replaced."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import socket
from collections.abc import Callable

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.errors import QuriError
from quri_console.history import History
from quri_console.history.leases import Lease
from quri_console.monitor.fleet import FleetStatus
from quri_console.monitor.poll import Poller
from quri_console.service.connect import as_shown, connect
from quri_console.service.pictures import empty_picture, newest_attempts, picture
from quri_console.service.session import Session

Publish = Callable[[FleetStatus], None]

JITTER = 0.1
BACK_OFF_LIMIT_SECONDS = 300.0
LOOK_OUT_SECONDS = 1.0


def poller_for(session: Session) -> Poller:
    """A poller of the session's fleet with the identity of the duty `poll`."""
    monitor = session.config.monitor
    return Poller(
        lambda: connect(session.network, session.config.identity("poll"), session.clock),
        [canister.id for canister in session.config.canisters],
        clock=session.clock,
        concurrency=monitor.concurrency,
        deadline_seconds=monitor.round_deadline_seconds,
    )


class Rounds:
    """Polls while it holds the lease of its network, reads along while another does; publishes every change."""

    def __init__(self, session: Session, publish: Publish, *, chance: Callable[[], float] = random.random) -> None:
        self._session = session
        self._publish = publish
        self._chance = chance
        self._interval = session.config.monitor.interval_seconds
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._asked = asyncio.Event()
        self._poller = poller_for(session)
        self._silent_rounds = 0
        self._shown_version = -1

    @property
    def _duty(self) -> str:
        return f"poll:{self._session.network.name}"

    @property
    def _lease_seconds(self) -> float:
        # a leader renews before each round, so a lease must outlast one round and one pause
        return max(2 * self._interval, self._interval + self._session.config.monitor.round_deadline_seconds)

    def poll_now(self) -> None:
        """Start a round now instead of at the next interval; asked twice before it starts, it runs once."""
        self._asked.set()

    async def run(self) -> None:
        """Run until cancelled. What goes wrong is published as the picture's notice and tried again."""
        try:
            while True:
                try:
                    async with await History.open(self._session.config.paths.history) as history:
                        await self._serve(history)
                except QuriError as error:
                    self._publish(empty_picture(self._session, error))
                    await self._pause(self._interval)
        finally:
            await self._poller.aclose()

    async def _serve(self, history: History) -> None:
        await self._show(history)
        try:
            await self._pause(await self._seconds_until_due(history))
            while True:
                lease = await self._acquire(history)
                if lease.holder == self._holder or self._asked.is_set():
                    await self._lead(history)
                else:
                    await self._read_along(history, lease)
        finally:
            await history.leases.release(self._duty, self._holder)

    async def _acquire(self, history: History) -> Lease:
        return await history.leases.acquire(
            self._duty, self._holder, now_ns=self._session.clock.now_ns(), seconds=self._lease_seconds
        )

    async def _lead(self, history: History) -> None:
        self._asked.clear()
        try:
            samples = await self._poller.round()
        except QuriError as error:
            await self._show(history, notice=str(error))
            self._silent_rounds += 1
        except Exception as error:  # noqa: BLE001 - a bug must be seen, and must not end the watch
            await self._show(history, notice=f"quri-console itself failed: {type(error).__name__}: {error}")
            self._silent_rounds += 1
        else:
            await history.add_samples(self._session.network.name, samples)
            await self._show(history)
            self._silent_rounds = 0 if any(sample.answered for sample in samples) else self._silent_rounds + 1
        await self._pause(self._delay_seconds())

    def _delay_seconds(self) -> float:
        # jitter keeps many consoles from asking in step; silence is answered with patience
        patient: float = self._interval * 2.0 ** min(max(self._silent_rounds - 1, 0), 10)
        delay = min(patient, max(self._interval, BACK_OFF_LIMIT_SECONDS))
        return delay * (1 + JITTER * (2 * self._chance() - 1))

    async def _read_along(self, history: History, lease: Lease) -> None:
        """Publish what another process writes, until its lease has run out or a round is asked for."""
        while self._session.clock.now_ns() < lease.expires_ns and not self._asked.is_set():
            if await history.data_version() != self._shown_version:
                await self._show(history)
                return
            await self._pause(LOOK_OUT_SECONDS)

    async def _seconds_until_due(self, history: History) -> float:
        """How long the newest round of any process still counts as the current one."""
        now_ns = self._session.clock.now_ns()
        attempts = await newest_attempts(history, self._session.network.name, now_ns)
        ids = [canister.id for canister in self._session.config.canisters]
        if not ids or not all(canister_id in attempts for canister_id in ids):
            return 0.0
        oldest_ns = min(attempts[canister_id].at_ns for canister_id in ids)
        age = (now_ns - oldest_ns) / NANOSECONDS_PER_SECOND
        return min(max(self._interval - age, 0.0), self._interval)

    async def _pause(self, seconds: float) -> None:
        """Wait, or return at once when a round is asked for."""
        if seconds <= 0 or self._asked.is_set():
            return
        waiters = {
            asyncio.ensure_future(self._session.clock.sleep(seconds)),
            asyncio.ensure_future(self._asked.wait()),
        }
        try:
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()

    async def _show(self, history: History, *, notice: str = "") -> None:
        session = self._session
        # read before the picture: what is written while it is made will be noticed as new
        self._shown_version = await history.data_version()
        network = as_shown(session.network, self._poller.root_key)
        self._publish(await picture(session.config, network, history, session.clock.now_ns(), notice=notice))
