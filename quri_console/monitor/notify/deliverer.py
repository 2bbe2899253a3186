"""Brings the outbox's messages to their channels: one task a channel, again and again until each is settled.

A message arrives at least once: it is settled after its receiver took it, so that a process killed in between leaves it
to be sent again, with the same key. Full jitter between attempts, as its receivers prefer it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import aiosqlite

from quri_console.clock import NANOSECONDS_PER_SECOND, Clock
from quri_console.errors import QuriError
from quri_console.history.outbox import Outbox, WaitingMessage
from quri_console.monitor.notify.channel import PACE_SECONDS, Channel
from quri_console.monitor.notify.documents import UnreadableNotification, from_document, outbox_message
from quri_console.monitor.notify.internal import given_up, not_usable
from quri_console.monitor.notify.verdict import Verdict
from quri_console.units import DAY_SECONDS, HOUR_SECONDS

LIFETIME_SECONDS = 1.0 * DAY_SECONDS
"""How long a message is tried; what puts a message in should use it."""
FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 300.0
LOOK_SECONDS = 3.0
"""How often a channel looks for messages that another process put in."""
HOLD_SECONDS = 60.0
"""How long a claim lasts: longer than any attempt."""
KEEP_SECONDS = 30.0 * DAY_SECONDS
"""How long settled messages are kept."""


Heard = Callable[[WaitingMessage, Verdict], None]
"""Hears what came of an attempt, or that a message was given up."""


class Deliverer:
    """The workers of one process. Any number of processes may run one on the same database.

    Clock and randomness come in from outside; `holder` must differ between processes.
    """

    def __init__(
        self,
        outbox: Outbox,
        channels: Sequence[Channel],
        *,
        clock: Clock,
        random: Random,
        holder: str = "",
        pace_seconds: float = PACE_SECONDS,
        heard: Heard = lambda _message, _verdict: None,
    ) -> None:
        self._outbox = outbox
        self._channels = tuple(channels)
        self._clock = clock
        self._random = random
        self._holder = holder or f"{os.getpid()}-{secrets.token_hex(4)}"
        self._pace_seconds = pace_seconds
        self._heard = heard
        self._paused_until: dict[str, float] = {}

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tidy())
            for channel in self._channels:
                group.create_task(self._serve(channel))

    async def drain(self, seconds: float) -> bool:
        """Deliver what can be delivered within `seconds`; returns whether nothing is left for these channels."""
        work = asyncio.ensure_future(self._empty_all())
        deadline = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((work, deadline), return_when=asyncio.FIRST_COMPLETED)
            return work.done() and work.exception() is None
        finally:
            work.cancel()
            deadline.cancel()
            await asyncio.gather(work, deadline, return_exceptions=True)

    async def step(self, channel: Channel) -> float | None:
        """Deliver at most one message; the seconds until there may be more to do, None when nothing waits.

        Raises HistoryUnusable.
        """
        pause = self._pause_left(channel)
        if pause > 0:
            return pause
        # one time for all, or a message could be too young to be given up and too old to be sent
        now_ns = self._clock.now_ns()
        await self._expire(now_ns)
        ready_ns = await self._outbox.next_ready_ns(channel.name, now_ns=now_ns, hold_ns=_ns(HOLD_SECONDS))
        if ready_ns is None:
            return None
        if ready_ns > now_ns:
            return (ready_ns - now_ns) / NANOSECONDS_PER_SECOND
        message = await self._outbox.claim(
            channel.name,
            self._holder,
            now_ns=now_ns,
            hold_ns=_ns(HOLD_SECONDS),
            pace_ns=_ns(self._pace_seconds),
        )
        if message is None:
            # one was sent just now, by this process or another
            return self._pace_seconds or FIRST_BACKOFF_SECONDS
        await self._attempt(channel, message)
        return self._pace_seconds

    async def _serve(self, channel: Channel) -> None:
        bell = self._outbox.bell(channel.name)
        while True:
            bell.clear()
            try:
                wait = await self.step(channel)
            except QuriError:
                # the history is full or locked: messages are safe in it, and it may recover
                wait = LOOK_SECONDS
            await self._rest(bell, LOOK_SECONDS if wait is None else min(wait, LOOK_SECONDS))

    async def _empty_all(self) -> None:
        draining = _Draining()
        async with asyncio.TaskGroup() as group:
            for channel in self._channels:
                group.create_task(self._empty(channel, draining))

    async def _empty(self, channel: Channel, draining: _Draining) -> None:
        """Deliver until no channel has anything left: what one gives up becomes a message for the others."""
        bells = [self._outbox.bell(each.name) for each in self._channels]
        bell = self._outbox.bell(channel.name)
        while not draining.finished:
            bell.clear()
            wait = await self.step(channel)
            if wait is not None:
                draining.idle.discard(channel.name)
                await self._rest(bell, wait)
                continue
            draining.idle.add(channel.name)
            if len(draining.idle) == len(bells) and not any(each.is_set() for each in bells):
                draining.finished = True
                for each in bells:
                    each.set()
            else:
                await self._rest(bell, LOOK_SECONDS)

    async def _rest(self, bell: asyncio.Event, seconds: float) -> None:
        """Wait, or until something new is put in."""
        sleep = asyncio.ensure_future(self._clock.sleep(seconds))
        ring = asyncio.ensure_future(bell.wait())
        try:
            await asyncio.wait((sleep, ring), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            ring.cancel()
            await asyncio.gather(sleep, ring, return_exceptions=True)

    async def _attempt(self, channel: Channel, message: WaitingMessage) -> None:
        try:
            verdict = await channel.send(from_document(message.document))
        except UnreadableNotification as error:
            verdict = Verdict("dead", str(error))
        except asyncio.CancelledError:
            with suppress(QuriError):
                await asyncio.shield(self._outbox.release(message.id, self._holder))
            raise
        except Exception as error:  # noqa: BLE001 - one message that trips the program must not silence the channel
            verdict = Verdict("retry", f"an error of quri-console itself ({type(error).__name__})")
        self._heard(message, verdict)
        self._pause(channel, verdict)
        recording = asyncio.ensure_future(self._insist(channel, message, verdict))
        try:
            await asyncio.shield(recording)
        except asyncio.CancelledError:
            # what arrived is written down before this process goes, or it would arrive again
            await asyncio.gather(recording, return_exceptions=True)
            raise

    async def _insist(self, channel: Channel, message: WaitingMessage, verdict: Verdict) -> None:
        """Write down what became of an attempt; a message that arrived should not arrive again for a locked file."""
        for _ in range(5):
            with suppress(QuriError):
                await self._record(channel, message, verdict)
                return
            await self._clock.sleep(1.0)
        await self._record(channel, message, verdict)

    async def _record(self, channel: Channel, message: WaitingMessage, verdict: Verdict) -> None:
        now_ns = self._clock.now_ns()
        if verdict.outcome == "delivered":
            await self._outbox.settle(message.id, "delivered", now_ns=now_ns)
        elif verdict.outcome == "dead":
            async with self._outbox.transaction() as connection:
                if await self._outbox.settle_in(connection, message.id, "dead", now_ns=now_ns, error=verdict.why):
                    await self._tell_others(connection, [message], verdict.why)
        else:
            wait = self._backoff_seconds(message.attempts, verdict.wait_seconds)
            due_ns = now_ns + _ns(wait)
            await self._outbox.postpone(message.id, self._holder, due_ns=due_ns, error=verdict.why)
            if verdict.wait_seconds is not None:
                await self._outbox.hold_back(channel.name, until_ns=now_ns + _ns(verdict.wait_seconds))
            if verdict.unusable:
                await self._warn(channel, verdict.why)

    def _backoff_seconds(self, attempts: int, asked_seconds: float | None) -> float:
        """Full jitter: anything up to a bound that doubles; on top of what the receiver asked for, if it did."""
        if asked_seconds is not None:
            # a second, so that not everybody who was told the same comes back at once
            return asked_seconds + self._random.uniform(0, FIRST_BACKOFF_SECONDS)
        bound = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(attempts, 20))
        return self._random.uniform(0, bound)

    def _pause(self, channel: Channel, verdict: Verdict) -> None:
        if verdict.wait_seconds is None:
            return
        until = self._clock.monotonic() + verdict.wait_seconds
        name = channel.name if verdict.scope == "channel" else f"kind:{channel.kind}"
        self._paused_until[name] = max(until, self._paused_until.get(name, until))

    def _pause_left(self, channel: Channel) -> float:
        until = max(self._paused_until.get(name, 0.0) for name in (channel.name, f"kind:{channel.kind}"))
        return until - self._clock.monotonic()

    async def _expire(self, now_ns: int) -> None:
        if not await self._outbox.overdue(now_ns=now_ns):
            return
        async with self._outbox.transaction() as connection:
            gone: dict[str, list[WaitingMessage]] = {}
            for message in await self._outbox.expire_in(connection, now_ns=now_ns):
                gone.setdefault(message.channel, []).append(message)
            for messages in gone.values():
                why = messages[-1].error or "nobody tried: is the channel still configured, and does watch run?"
                for message in messages:
                    self._heard(message, Verdict("dead", f"not delivered in time; {why}"))
                await self._tell_others(connection, messages, f"not delivered in time; {why}")

    async def _tell_others(
        self, connection: aiosqlite.Connection, messages: Sequence[WaitingMessage], why: str
    ) -> None:
        now_ns = self._clock.now_ns()
        channel = messages[0].channel
        await self._outbox.put_in(
            connection,
            outbox_message(given_up(channel, [title_of(message) for message in messages], why, now_ns=now_ns)),
            self._others(channel),
            now_ns=now_ns,
            expires_ns=now_ns + _ns(LIFETIME_SECONDS),
        )

    async def _warn(self, channel: Channel, why: str) -> None:
        now_ns = self._clock.now_ns()
        await self._outbox.put(
            outbox_message(not_usable(channel.name, why, now_ns=now_ns)),
            self._others(channel.name),
            now_ns=now_ns,
            expires_ns=now_ns + _ns(LIFETIME_SECONDS),
        )

    def _others(self, name: str) -> Iterable[str]:
        return [channel.name for channel in self._channels if channel.name != name]

    async def _tidy(self) -> None:
        while True:
            # also what waits for a channel that no longer exists comes to its end
            with suppress(QuriError):
                await self._expire(self._clock.now_ns())
                await self._outbox.prune(before_ns=self._clock.now_ns() - _ns(KEEP_SECONDS))
            await self._clock.sleep(HOUR_SECONDS)


@dataclass(slots=True)
class _Draining:
    """What the workers of one `drain` know of each other."""

    idle: set[str] = field(default_factory=set)
    finished: bool = False


def title_of(message: WaitingMessage) -> str:
    """What a message is about, in its own words."""
    try:
        return from_document(message.document).title
    except UnreadableNotification:
        return message.key


def _ns(seconds: float) -> int:
    return round(seconds * NANOSECONDS_PER_SECOND)
