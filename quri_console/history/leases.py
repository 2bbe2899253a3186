"""Leases: who does a duty that only one process may do; they run out by themselves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import aiosqlite

from quri_console.clock import NANOSECONDS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds a duty, since when and until when (nanoseconds since 1970)."""

    duty: str
    holder: str
    acquired_ns: int
    expires_ns: int


class Leases:
    """The leases of one database, one per duty (`poll:NETWORK`, …)."""

    def __init__(self, transaction: Callable[[], AbstractAsyncContextManager[aiosqlite.Connection]]) -> None:
        self._transaction = transaction

    async def acquire(self, duty: str, holder: str, *, now_ns: int, seconds: float) -> Lease:
        """Take or renew a duty for `seconds` unless another holds it; the lease returned names who holds it now.

        A lease that seems to last far longer than anybody asks for was made by a clock that ran
        ahead; it counts as run out, or a wrong clock could block the duty for years.
        """
        length_ns = round(seconds * NANOSECONDS_PER_SECOND)
        async with self._transaction() as connection:
            current = await _read(connection, duty)
            if current is not None and current.holder != holder and _holds(current, now_ns, length_ns):
                return current
            acquired_ns = current.acquired_ns if current is not None and current.holder == holder else now_ns
            lease = Lease(duty, holder, acquired_ns, now_ns + length_ns)
            await connection.execute(
                "INSERT OR REPLACE INTO leases (duty, holder, acquired_ns, expires_ns) VALUES (?, ?, ?, ?)",
                (lease.duty, lease.holder, lease.acquired_ns, lease.expires_ns),
            )
        return lease

    async def get(self, duty: str) -> Lease | None:
        """Who had a duty last; None when it was given back. It may have run out."""
        async with self._transaction() as connection:
            return await _read(connection, duty)

    async def release(self, duty: str, holder: str) -> None:
        """Give a duty back; nothing happens when somebody else holds it by now."""
        async with self._transaction() as connection:
            await connection.execute("DELETE FROM leases WHERE duty = ? AND holder = ?", (duty, holder))


def _holds(lease: Lease, now_ns: int, length_ns: int) -> bool:
    return now_ns < lease.expires_ns <= now_ns + 10 * length_ns


async def _read(connection: aiosqlite.Connection, duty: str) -> Lease | None:
    async with connection.execute(
        "SELECT duty, holder, acquired_ns, expires_ns FROM leases WHERE duty = ?", (duty,)
    ) as cursor:
        row = await cursor.fetchone()
    return None if row is None else Lease(row[0], row[1], row[2], row[3])
