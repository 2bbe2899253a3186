"""A snapshot from the chain, slice by slice: each one's length checked, as many at once as the network takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from quri_console.backup.interchange import Slice
from quri_console.clock import Clock
from quri_console.errors import NetworkError, QuriError
from quri_console.ic.agent import Agent, Rejected
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.read import read_snapshot_chunk, read_snapshot_metadata, read_snapshot_slice
from quri_console.ic.management.types import SnapshotMetadata

MOST_SLICES = 24
"""At about 2 MB each, what is in flight at most whatever the canister's size."""
_FIRST_SLICES = 12
_ATTEMPTS = 12
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_SYS_TRANSIENT = 2
_SNAPSHOT_NOT_FOUND = "IC0305"
RATE_LIMITED = "IC0210"
_Answer = TypeVar("_Answer")


class SnapshotGone(QuriError):
    """The snapshot was deleted on chain while it was being read."""


class Throttle:
    """How many requests may be under way: half as many after the network asked for patience, else slowly more.

    Until the first refusal one more is allowed for each that went well, so that a long round trip does not matter.
    """

    def __init__(self, first: int = _FIRST_SLICES, most: int = MOST_SLICES) -> None:
        self.allowed = float(first)
        self._most = most
        self._refused = False
        self._busy_answers = 0
        self._under_way = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a free place and hold it."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._under_way < int(self.allowed))
            self._under_way += 1
        try:
            yield
        finally:
            async with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def went_well(self) -> None:
        """A request was answered: allow a little more."""
        self.allowed = min(self._most, self.allowed + (1 / self.allowed if self._refused else 1))

    def was_refused(self) -> None:
        """The network asks for patience: allow half as many."""
        self._refused = True
        self.allowed = max(1.0, self.allowed / 2)

    def saw_busy_answers(self, count: int) -> None:
        """The connection has had `count` answers 429 or 503 so far: what is new of them counts as one refusal."""
        if count > self._busy_answers:
            self._busy_answers = count
            self.was_refused()


@dataclass(frozen=True, slots=True)
class SnapshotSource:
    """A snapshot of a canister and how to reach it."""

    agent: Agent
    canister: Principal
    snapshot_id: bytes
    clock: Clock
    throttle: Throttle = field(default_factory=Throttle)

    async def metadata(self) -> SnapshotMetadata:
        return await self._read(lambda: read_snapshot_metadata(self.agent, self.canister, self.snapshot_id))

    async def slice(self, part: Slice) -> memoryview:
        """The bytes of a slice; CorruptionError when the answer has another length."""
        return await self._read(
            lambda: read_snapshot_slice(self.agent, self.canister, self.snapshot_id, part.blob, part.offset, part.size)
        )

    async def chunk(self, digest: bytes) -> bytes:
        """A chunk of the chunk store; CorruptionError when it does not have its hash."""
        return await self._read(lambda: read_snapshot_chunk(self.agent, self.canister, self.snapshot_id, digest))

    async def _read(self, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Ask again after what passes by itself: a read changes nothing, so a new request may be sent."""
        pause = _FIRST_PAUSE_SECONDS
        failed_deliveries = 0
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                async with self.throttle.slot():
                    answer = await ask()
            except Rejected as error:
                if error.error_code == _SNAPSHOT_NOT_FOUND:
                    raise self._gone() from error
                if (error.reject_code != _SYS_TRANSIENT and error.error_code != RATE_LIMITED) or attempt == _ATTEMPTS:
                    raise
                self.throttle.was_refused()
            except NetworkError:
                # the agent has already repeated the request until it expired
                failed_deliveries += 1
                self.throttle.was_refused()
                if failed_deliveries > 1:
                    raise
            else:
                self.throttle.saw_busy_answers(self.agent.busy_answers)
                self.throttle.went_well()
                return answer
            await self.clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        raise AssertionError("the last attempt returns or raises")

    def _gone(self) -> SnapshotGone:
        return SnapshotGone(
            f"Snapshot {self.snapshot_id.hex()} was deleted while it was being read",
            why="Somebody else with control over the canister deleted or replaced it.",
            next_step="Run the backup again.",
        )
