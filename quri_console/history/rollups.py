"""Hours and days of samples, added up so that estimators give the same result on them.

An interval between two samples counts in the bucket of its later end, so the sums over all buckets are the
sums over all samples. Hours are made of samples, days of hours. Samples that arrive after their hour was
rolled up are noted in `rollup_late`, and the next update takes them in; where the samples of that hour are
gone already, what came late is joined to the stored bucket.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quri_console.history.access import Access
from quri_console.history.bucket_rows import DAY, HOUR
from quri_console.history.burn_sums import BurnSum, burn_sums, memory_around
from quri_console.history.rolling import roll_next
from quri_console.history.samples import SQLITE_MAX_INTEGER, exact

SCHEMA = """
CREATE TABLE rollups (
    canister INTEGER NOT NULL REFERENCES canisters (id) ON DELETE CASCADE,
    bucket_seconds INTEGER NOT NULL,
    start_ns INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    first_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    first_cycles NOT NULL,
    last_cycles NOT NULL,
    min_cycles NOT NULL,
    max_cycles NOT NULL,
    burnt NOT NULL,
    burn_ns INTEGER NOT NULL,
    top_ups INTEGER NOT NULL,
    top_up_cycles NOT NULL,
    idle_burn_per_day,
    memory_bytes INTEGER,
    before_ns INTEGER,
    before_cycles,
    PRIMARY KEY (canister, bucket_seconds, start_ns)
) WITHOUT ROWID;
CREATE TABLE rollup_progress (
    canister INTEGER PRIMARY KEY REFERENCES canisters (id) ON DELETE CASCADE,
    hours_until_ns INTEGER NOT NULL DEFAULT 0,
    days_until_ns INTEGER NOT NULL DEFAULT 0,
    samples_from_ns INTEGER NOT NULL DEFAULT 0,
    hours_from_ns INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE rollup_late (
    canister INTEGER NOT NULL REFERENCES canisters (id) ON DELETE CASCADE,
    bucket_seconds INTEGER NOT NULL,
    start_ns INTEGER NOT NULL,
    PRIMARY KEY (canister, bucket_seconds, start_ns)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """The balances of one canister in one hour or day (UTC); `samples` counts those that told a balance.

    `burnt` cycles went in `burn_ns`: of the intervals that end in the bucket and hold no top-up.
    `top_up_cycles` is by how much the balance rose in the `top_ups` others. Idle burn (cycles per day)
    and memory are the newest known.
    """

    canister_id: str
    bucket_seconds: int
    start_ns: int
    samples: int
    first_ns: int
    last_ns: int
    first_cycles: int
    last_cycles: int
    min_cycles: int
    max_cycles: int
    burnt: int
    burn_ns: int
    top_ups: int
    top_up_cycles: int
    idle_burn_per_day: int | None
    memory_bytes: int | None


_BUCKETS = """
SELECT c.canister_id, r.bucket_seconds, r.start_ns, r.samples, r.first_ns, r.last_ns, r.first_cycles, r.last_cycles,
    r.min_cycles, r.max_cycles, r.burnt, r.burn_ns, r.top_ups, r.top_up_cycles, r.idle_burn_per_day, r.memory_bytes
FROM canisters c JOIN rollups r ON r.canister = c.id
WHERE c.network = ?1 AND (?2 IS NULL OR c.canister_id = ?2) AND r.bucket_seconds = ?3
    AND r.start_ns >= ?4 AND r.start_ns < ?5
ORDER BY c.id, r.start_ns
"""
_UNFINISHED = """
SELECT c.id FROM canisters c LEFT JOIN rollup_progress p ON p.canister = c.id
WHERE c.network = ? AND (COALESCE(p.hours_until_ns, 0) < ? OR COALESCE(p.days_until_ns, 0) < ?
    OR EXISTS (SELECT 1 FROM rollup_late l WHERE l.canister = c.id))
"""


class Rollups:
    """The rollups of one database."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def update(self, network: str, until_ns: int) -> int:
        """Roll up every hour and day that is over at `until_ns`, and whatever came late; how many buckets were written.

        Works in short transactions: may be stopped anywhere and called again by any process.
        """
        hours, days = HOUR.start(until_ns), DAY.start(until_ns)
        written = 0
        for (canister,) in await self._access.rows(_UNFINISHED, (network, hours, days)):
            for level, target_ns in ((HOUR, hours), (DAY, days)):
                more = True
                while more:
                    async with self._access.transaction() as connection:
                        buckets, more = await roll_next(connection, canister, level, target_ns)
                    written += buckets
        return written

    async def buckets(
        self,
        network: str,
        canister_id: str | None,
        bucket_seconds: int,
        since_ns: int = 0,
        until_ns: int = SQLITE_MAX_INTEGER,
    ) -> tuple[Bucket, ...]:
        """The buckets of 3,600 or 86,400 s that begin in [since_ns, until_ns); of all canisters when None.

        Canister by canister, oldest first.
        """
        rows = await self._access.rows(_BUCKETS, (network, canister_id, bucket_seconds, since_ns, until_ns))
        return tuple(_bucket(row) for row in rows)

    async def burn_sums(self, network: str, from_ns: Sequence[int]) -> dict[str, tuple[BurnSum, ...]]:
        """Every canister's burn in the hours between the given times, which ascend, by canister id."""
        return await burn_sums(self._access, network, from_ns)

    async def memory_around(self, network: str, at_ns: int) -> dict[str, int]:
        """Memory (bytes) that canisters had in the last hour known of the day before `at_ns`, by canister id."""
        return await memory_around(self._access, network, at_ns)


def _bucket(row: Any) -> Bucket:
    amounts = [int(amount) for amount in row[6:11]]
    return Bucket(*(*row[:6], *amounts, row[11], row[12], int(row[13]), exact(row[14]), row[15]))
