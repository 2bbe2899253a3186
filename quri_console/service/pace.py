"""When rounds are due: by the shortest interval of the fleet, more seldom while nobody answers, never in step."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from quri_console.clock import NANOSECONDS_PER_SECOND, Clock
from quri_console.history import History
from quri_console.service.pictures import newest_attempts
from quri_console.service.session import Session

JITTER = 0.1
BACK_OFF_LIMIT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class RoundFacts:
    """A round of this process: when it ended (ns), whether anybody answered, and the monotonic time it began at."""

    ended_ns: int
    answered: bool
    started: float


class Asked:
    """That somebody asked for a round at once, and waits that end then."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._event = asyncio.Event()

    @property
    def now(self) -> bool:
        """Whether a round was asked for that has not begun."""
        return self._event.is_set()

    def ask(self) -> None:
        """Ask for a round; asked twice before it begins, it runs once."""
        self._event.set()

    def met(self) -> None:
        """The round begins."""
        self._event.clear()

    async def pause(self, seconds: float) -> None:
        """Wait, or return at once when a round is asked for."""
        if seconds <= 0 or self.now:
            return
        waiters = {asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(self._event.wait())}
        try:
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()


class Pace:
    """The times of one process's rounds."""

    def __init__(self, session: Session, chance: Callable[[], float] = random.random) -> None:
        self._session = session
        self._chance = chance
        # the shortest of all intervals: canisters with a longer one are left out of some rounds
        self.interval = min(
            (canister.interval_seconds for canister in session.config.canisters),
            default=session.config.monitor.interval_seconds,
        )
        self.silent_rounds = 0
        """How many rounds have ended since anybody answered."""

    @property
    def lease_seconds(self) -> float:
        """How long a lease holds: a leader renews before each round, so it must outlast one round and one pause."""
        return max(2 * self.interval, self.interval + self._session.config.monitor.round_deadline_seconds)

    def ended(self, *, answered: bool) -> None:
        """A round is over."""
        self.silent_rounds = 0 if answered else self.silent_rounds + 1

    def delay_seconds(self) -> float:
        """Until the next round. Jitter keeps many consoles from asking in step; silence is answered with patience."""
        patient: float = self.interval * 2.0 ** min(max(self.silent_rounds - 1, 0), 10)
        delay = min(patient, max(self.interval, BACK_OFF_LIMIT_SECONDS))
        return delay * (1 + JITTER * (2 * self._chance() - 1))

    async def due(self, history: History) -> frozenset[str] | None:
        """The canisters whose interval is over; None for all."""
        canisters = self._session.config.canisters
        if all(canister.interval_seconds <= self.interval for canister in canisters):
            return None
        now_ns = self._session.clock.now_ns()
        attempts = await newest_attempts(history, self._session.network.name, now_ns)
        return frozenset(
            canister.id
            for canister in canisters
            if canister.id not in attempts
            or now_ns - attempts[canister.id].at_ns
            >= (1 - 2 * JITTER) * canister.interval_seconds * NANOSECONDS_PER_SECOND
        )

    async def seconds_until_due(self, history: History) -> float:
        """How long the newest round of any process still counts as the current one."""
        now_ns = self._session.clock.now_ns()
        attempts = await newest_attempts(history, self._session.network.name, now_ns)
        ids = [canister.id for canister in self._session.config.canisters]
        if not ids or not all(canister_id in attempts for canister_id in ids):
            return 0.0
        oldest_ns = min(attempts[canister_id].at_ns for canister_id in ids)
        age = (now_ns - oldest_ns) / NANOSECONDS_PER_SECOND
        return min(max(self.interval - age, 0.0), self.interval)
