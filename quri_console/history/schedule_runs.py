"""Which slot of which schedule was run, by whom, how it ended and what it cost; a slot is claimed once by anybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.history.access import Access
from quri_console.units import DAY_SECONDS

SCHEMA = """
CREATE TABLE schedule_runs (
    network TEXT NOT NULL,
    schedule TEXT NOT NULL,
    slot_ns INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    cron TEXT NOT NULL,
    origin TEXT NOT NULL,
    at_ns INTEGER NOT NULL,
    ended_ns INTEGER,
    outcome TEXT NOT NULL,
    exit_code INTEGER,
    cycles INTEGER NOT NULL DEFAULT 0,
    note TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (network, schedule, slot_ns, attempt)
) WITHOUT ROWID;
CREATE INDEX schedule_runs_by_time ON schedule_runs (network, at_ns);
"""

RunOutcome = Literal["known", "running", "done", "failed", "skipped", "interrupted"]
"""`known`: no run, but when the schedule was first seen, or seen with another cron line."""
RunOrigin = Literal["watch", "timer", "command"]

KEPT_NS = 400 * DAY_SECONDS * NANOSECONDS_PER_SECOND
_COLUMNS = "network, schedule, slot_ns, attempt, cron, origin, at_ns, ended_ns, outcome, exit_code, cycles, note"
_NEWEST = f"""
SELECT {_COLUMNS} FROM schedule_runs r WHERE network = ?1 AND slot_ns <= ?2 AND NOT EXISTS (
    SELECT 1 FROM schedule_runs n WHERE n.network = r.network AND n.schedule = r.schedule AND n.slot_ns <= ?2
    AND (n.slot_ns, n.attempt) > (r.slot_ns, r.attempt))
"""  # noqa: S608 - column names of our own


@dataclass(frozen=True, slots=True)
class ScheduleRun:
    """One attempt at one slot of a schedule; times in nanoseconds since 1970. `cycles` is reserved, later measured."""

    network: str
    schedule: str
    slot_ns: int
    attempt: int
    cron: str
    origin: RunOrigin
    at_ns: int
    ended_ns: int | None = None
    outcome: RunOutcome = "running"
    exit_code: int | None = None
    cycles: int = 0
    note: str = ""


class ScheduleRuns:
    """The runs of one database."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def claim(self, run: ScheduleRun) -> bool:
        """Write a run down before it begins; False when somebody else has claimed that slot."""
        async with self._access.transaction() as connection:
            await connection.execute(
                "DELETE FROM schedule_runs WHERE network = ? AND at_ns < ?", (run.network, run.at_ns - KEPT_NS)
            )
            cursor = await connection.execute(
                f"INSERT OR IGNORE INTO schedule_runs ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                _row(run),
            )
            return cursor.rowcount == 1

    async def put(self, run: ScheduleRun) -> None:
        """Write a run as it is now, in the place of what was known of it."""
        async with self._access.transaction() as connection:
            await connection.execute(
                f"INSERT OR REPLACE INTO schedule_runs ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                _row(run),
            )

    async def newest(self, network: str, until_ns: int) -> dict[str, ScheduleRun]:
        """The newest slot up to `until_ns` that was claimed, with its newest attempt, by the schedule's name."""
        rows = await self._access.rows(_NEWEST, (network, until_ns))
        return {row[1]: ScheduleRun(*row) for row in rows}

    async def of(self, network: str, schedule: str, limit: int) -> tuple[ScheduleRun, ...]:
        """The newest runs of a schedule, newest first."""
        rows = await self._access.rows(
            f"SELECT {_COLUMNS} FROM schedule_runs WHERE network = ? AND schedule = ? AND outcome <> 'known' "  # noqa: S608
            "ORDER BY at_ns DESC, slot_ns DESC, attempt DESC LIMIT ?",
            (network, schedule, limit),
        )
        return tuple(ScheduleRun(*row) for row in rows)

    async def within(self, network: str, since_ns: int, until_ns: int) -> tuple[ScheduleRun, ...]:
        """What was noted from `since_ns` up to `until_ns`, `known` too, and runs begun before that had no end by then.

        In the order of slots and attempts.
        """
        rows = await self._access.rows(
            f"SELECT {_COLUMNS} FROM schedule_runs WHERE network = ?1 AND at_ns <= ?3 "  # noqa: S608
            "AND (at_ns >= ?2 OR ended_ns >= ?2 OR ended_ns IS NULL) ORDER BY slot_ns, attempt, schedule",
            (network, since_ns, until_ns),
        )
        return tuple(ScheduleRun(*row) for row in rows)

    async def unfinished(self, network: str) -> tuple[ScheduleRun, ...]:
        """The runs that have no end: they go on, or their process is gone."""
        rows = await self._access.rows(
            f"SELECT {_COLUMNS} FROM schedule_runs WHERE network = ? AND outcome = 'running' ORDER BY at_ns",  # noqa: S608
            (network,),
        )
        return tuple(ScheduleRun(*row) for row in rows)

    async def cycles_since(self, network: str, since_ns: int, until_ns: int) -> int:
        """What the runs in that time have cost or are about to cost, in cycles."""
        rows = await self._access.rows(
            "SELECT COALESCE(SUM(cycles), 0) FROM schedule_runs WHERE network = ? AND at_ns >= ? AND at_ns < ?",
            (network, since_ns, until_ns),
        )
        return int(rows[0][0])


def _row(run: ScheduleRun) -> tuple[Any, ...]:
    return (
        run.network,
        run.schedule,
        run.slot_ns,
        run.attempt,
        run.cron,
        run.origin,
        run.at_ns,
        run.ended_ns,
        run.outcome,
        run.exit_code,
        run.cycles,
        run.note,
    )
