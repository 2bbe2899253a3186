"""Messages on their way to a channel: kept until delivered, given up or out of date.

Any process may put messages in, several may deliver: whoever delivers claims a row for a while first, so that two never
send the same message at the same time, and what a killed process had claimed is free again when its claim runs out.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal

import aiosqlite

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.history.access import Access
from quri_console.units import DAY_SECONDS

SCHEMA = """
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    channel TEXT NOT NULL,
    group_key TEXT NOT NULL DEFAULT '',
    document TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    due_ns INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    claimed_ns INTEGER,
    held_until_ns INTEGER NOT NULL DEFAULT 0,
    holder TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'waiting',
    settled_ns INTEGER,
    error TEXT NOT NULL DEFAULT '',
    UNIQUE (key, channel)
);
CREATE INDEX outbox_by_channel ON outbox (channel, state, due_ns);
CREATE INDEX outbox_by_claim ON outbox (channel, claimed_ns);
"""

Settled = Literal["delivered", "dead", "expired"]

LONGEST_WAIT_NS = DAY_SECONDS * NANOSECONDS_PER_SECOND
"""No attempt is further away than this: a later time was set by a clock that ran ahead, and is ignored."""
PATIENCE_ATTEMPTS = 5
"""How often a message may have been tried before later ones of its group no longer wait for it."""

# ?1 channel, ?2 now, ?3 the longest wait, ?4 the hold, ?5 patience.
# A message waits for earlier ones of its group, or "resolved" could arrive before "firing".
_CANDIDATES = """
FROM outbox o WHERE o.channel = ?1 AND o.state = 'waiting' AND o.expires_ns > ?2 AND NOT EXISTS (
    SELECT 1 FROM outbox e WHERE e.channel = ?1 AND e.state = 'waiting' AND o.group_key <> ''
    AND e.group_key = o.group_key AND e.id < o.id AND e.attempts < ?5 AND e.expires_ns > ?2)
"""
_READY_NS = """MAX(
    CASE WHEN o.due_ns > ?2 + ?3 THEN ?2 ELSE o.due_ns END,
    CASE WHEN o.held_until_ns > ?2 + 10 * ?4 THEN ?2 ELSE o.held_until_ns END)"""
_OVERDUE = "WHERE state = 'waiting' AND expires_ns <= ?1 AND (held_until_ns <= ?1 OR held_until_ns > ?1 + ?2)"
_COLUMNS = "id, key, channel, group_key, document, created_ns, due_ns, expires_ns, attempts, error"


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """What is put in: `key` is the same whenever the same message is put again; order is kept within a group."""

    key: str
    document: str
    group_key: str = ""


@dataclass(frozen=True, slots=True)
class WaitingMessage:
    """A message for one channel on its way; times in nanoseconds since 1970. `error` is of the last attempt."""

    id: int
    key: str
    channel: str
    group_key: str
    document: str
    created_ns: int
    due_ns: int
    expires_ns: int
    attempts: int
    error: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message for one channel and what became of it; times in nanoseconds since 1970."""

    id: int
    channel: str
    state: Literal["waiting", "delivered", "dead", "expired"]
    attempts: int
    created_ns: int
    settled_ns: int | None
    document: str
    error: str


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """How many messages of one channel are in which state; `oldest_waiting_ns` is None when none waits."""

    waiting: int = 0
    delivered: int = 0
    dead: int = 0
    expired: int = 0
    oldest_waiting_ns: int | None = None


class Outbox:
    """The outbox of one database. Every method raises HistoryUnusable.

    Those that end in `_in` write in a transaction of the caller, with its connection.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._bells: dict[str, asyncio.Event] = {}

    def bell(self, channel: str) -> asyncio.Event:
        """Set when this object put something in for `channel`; other processes' messages do not ring it."""
        return self._bells.setdefault(channel, asyncio.Event())

    def transaction(self) -> AbstractAsyncContextManager[aiosqlite.Connection]:
        """A transaction for the `_in` methods."""
        return self._access.transaction()

    async def put(self, message: OutboxMessage, channels: Iterable[str], *, now_ns: int, expires_ns: int) -> int:
        """Put a message in, once per key and channel; returns for how many channels it was new."""
        async with self._access.transaction() as connection:
            return await self.put_in(connection, message, channels, now_ns=now_ns, expires_ns=expires_ns)

    async def put_in(
        self,
        connection: aiosqlite.Connection,
        message: OutboxMessage,
        channels: Iterable[str],
        *,
        now_ns: int,
        expires_ns: int,
    ) -> int:
        """As `put`, so that a fact and the message about it are written together or not at all."""
        new = 0
        for channel in dict.fromkeys(channels):
            cursor = await connection.execute(
                "INSERT OR IGNORE INTO outbox (key, channel, group_key, document, created_ns, due_ns, expires_ns) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (message.key, channel, message.group_key, message.document, now_ns, now_ns, expires_ns),
            )
            if cursor.rowcount == 1:
                new += 1
                # rings before the commit: whoever wakes up claims in a transaction, and that one waits for this one
                self.bell(channel).set()
        return new

    async def next_ready_ns(self, channel: str, *, now_ns: int, hold_ns: int) -> int | None:
        """From when on a message of `channel` may be claimed (now or earlier: at once); None when none waits."""
        rows = await self._access.rows(
            f"SELECT MIN({_READY_NS}) {_CANDIDATES}",
            (channel, now_ns, LONGEST_WAIT_NS, hold_ns, PATIENCE_ATTEMPTS),
        )
        return None if rows[0][0] is None else int(rows[0][0])

    async def claim(
        self, channel: str, holder: str, *, now_ns: int, hold_ns: int, pace_ns: int = 0
    ) -> WaitingMessage | None:
        """The first message that is due, now held by `holder` until `hold_ns` from now, its attempt counted.

        None when none is due, or when one of this channel was claimed by anybody less than `pace_ns` ago.
        """
        async with self._access.transaction() as connection:
            cursor = await connection.execute(
                f"UPDATE outbox SET holder = ?6, held_until_ns = ?2 + ?4, claimed_ns = ?2, attempts = attempts + 1 "  # noqa: S608
                f"WHERE id = (SELECT o.id {_CANDIDATES} AND {_READY_NS} <= ?2 AND NOT EXISTS ("
                "SELECT 1 FROM outbox p WHERE p.channel = ?1 AND p.claimed_ns > ?2 - ?7 AND p.claimed_ns <= ?2) "
                f"ORDER BY o.id LIMIT 1) RETURNING {_COLUMNS}",
                (channel, now_ns, LONGEST_WAIT_NS, hold_ns, PATIENCE_ATTEMPTS, holder, pace_ns),
            )
            row = await cursor.fetchone()
            await cursor.close()
        return None if row is None else _waiting(row)

    async def settle(self, message_id: int, state: Settled, *, now_ns: int, error: str = "") -> bool:
        """End a message's way; False when it was settled before."""
        async with self._access.transaction() as connection:
            return await self.settle_in(connection, message_id, state, now_ns=now_ns, error=error)

    async def settle_in(
        self, connection: aiosqlite.Connection, message_id: int, state: Settled, *, now_ns: int, error: str = ""
    ) -> bool:
        """As `settle`, in the caller's transaction."""
        # a message that arrived is delivered whoever else holds it by now
        cursor = await connection.execute(
            "UPDATE outbox SET state = ?, settled_ns = ?, error = ?, holder = '', held_until_ns = 0 "
            "WHERE id = ? AND state = 'waiting'",
            (state, now_ns, error, message_id),
        )
        return cursor.rowcount == 1

    async def postpone(self, message_id: int, holder: str, *, due_ns: int, error: str) -> bool:
        """Give a held message back, to be tried again at `due_ns`; False when `holder` does not hold it any more."""
        async with self._access.transaction() as connection:
            cursor = await connection.execute(
                "UPDATE outbox SET due_ns = MIN(?, expires_ns), error = ?, holder = '', held_until_ns = 0 "
                "WHERE id = ? AND holder = ? AND state = 'waiting'",
                (due_ns, error, message_id, holder),
            )
            return cursor.rowcount == 1

    async def release(self, message_id: int, holder: str) -> None:
        """Give a held message back half tried, so that the next process need not wait for the claim's end."""
        async with self._access.transaction() as connection:
            await connection.execute(
                "UPDATE outbox SET holder = '', held_until_ns = 0 WHERE id = ? AND holder = ? AND state = 'waiting'",
                (message_id, holder),
            )

    async def hold_back(self, channel: str, *, until_ns: int) -> None:
        """Let nothing that waits for `channel` be due before `until_ns`: its receiver asked for a pause."""
        async with self._access.transaction() as connection:
            await connection.execute(
                "UPDATE outbox SET due_ns = MIN(MAX(due_ns, ?), expires_ns) WHERE channel = ? AND state = 'waiting'",
                (until_ns, channel),
            )

    async def expire_in(self, connection: aiosqlite.Connection, *, now_ns: int) -> tuple[WaitingMessage, ...]:
        """Give up what is past its time and in nobody's hands, whatever its channel; returns what that was."""
        cursor = await connection.execute(
            f"UPDATE outbox SET state = 'expired', settled_ns = ?1, holder = '' {_OVERDUE} RETURNING {_COLUMNS}",  # noqa: S608
            (now_ns, LONGEST_WAIT_NS),
        )
        return tuple(sorted((_waiting(row) for row in await cursor.fetchall()), key=lambda message: message.id))

    async def overdue(self, *, now_ns: int) -> bool:
        """Whether `expire_in` would find something."""
        statement = f"SELECT 1 FROM outbox {_OVERDUE} LIMIT 1"  # noqa: S608
        rows = await self._access.rows(statement, (now_ns, LONGEST_WAIT_NS))
        return bool(rows)

    async def counts(self) -> dict[str, ChannelCounts]:
        """By channel, of what was not pruned; channels without messages are absent."""
        rows = await self._access.rows(
            "SELECT channel, SUM(state = 'waiting'), SUM(state = 'delivered'), SUM(state = 'dead'), "
            "SUM(state = 'expired'), MIN(CASE WHEN state = 'waiting' THEN created_ns END) "
            "FROM outbox GROUP BY channel ORDER BY channel",
            (),
        )
        return {row[0]: ChannelCounts(*row[1:]) for row in rows}

    async def stuck(self, *, before_ns: int, limit: int = 20) -> tuple[WaitingMessage, ...]:
        """What was put in before `before_ns` and still waits, oldest first."""
        rows = await self._access.rows(
            f"SELECT {_COLUMNS} FROM outbox WHERE state = 'waiting' AND created_ns < ? ORDER BY id LIMIT ?",  # noqa: S608
            (before_ns, limit),
        )
        return tuple(_waiting(row) for row in rows)

    async def failures(self, *, since_ns: int, limit: int = 20) -> tuple[WaitingMessage, ...]:
        """What was given up since `since_ns`, newest first, each with why."""
        rows = await self._access.rows(
            f"SELECT {_COLUMNS} FROM outbox WHERE state IN ('dead', 'expired') AND settled_ns >= ? "  # noqa: S608
            "ORDER BY settled_ns DESC, id DESC LIMIT ?",
            (since_ns, limit),
        )
        return tuple(_waiting(row) for row in rows)

    async def newest(self, limit: int = 100) -> tuple[Message, ...]:
        """The newest messages of all channels, newest first, with what became of them."""
        rows = await self._access.rows(
            "SELECT id, channel, state, attempts, created_ns, settled_ns, document, error FROM outbox "
            "ORDER BY id DESC LIMIT ?",
            (limit,),
        )
        return tuple(Message(*row) for row in rows)

    async def not_taken(self, key: str) -> tuple[Message, ...]:
        """What became of the message with that key, of every channel that has not taken it."""
        rows = await self._access.rows(
            "SELECT id, channel, state, attempts, created_ns, settled_ns, document, error FROM outbox "
            "WHERE key = ? AND state <> 'delivered' ORDER BY id",
            (key,),
        )
        return tuple(Message(*row) for row in rows)

    async def prune(self, *, before_ns: int) -> int:
        """Forget what was settled before `before_ns`; returns how many. The same key may then be put in again."""
        async with self._access.transaction() as connection:
            cursor = await connection.execute(
                "DELETE FROM outbox WHERE state <> 'waiting' AND settled_ns < ?", (before_ns,)
            )
            return cursor.rowcount


def _waiting(row: sqlite3.Row | tuple[Any, ...]) -> WaitingMessage:
    return WaitingMessage(*row)
