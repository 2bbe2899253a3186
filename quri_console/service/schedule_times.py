"""When schedules are due: cron lines in UTC, a steady jitter, and one catch-up for whatever was missed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from cronsim import CronSim

from quri_console.clock import NANOSECONDS_PER_SECOND, utc_datetime
from quri_console.config.schedule_model import ScheduleConfig
from quri_console.history.schedule_runs import RunOrigin, ScheduleRun

ON_TIME_SECONDS = 600.0
"""A run that begins so much later than its slot and jitter say is a catch-up."""
MOST_COUNTED = 1_000
ATTEMPTS = 2
"""How often a slot is tried whose process dies half-way; one that fails is not tried again."""


@dataclass(frozen=True, slots=True)
class Due:
    """A slot, when it is to be run (nanoseconds since 1970), and how many slots before it nobody ran."""

    slot_ns: int
    at_ns: int
    missed: int = 0
    attempt: int = 1
    late: bool = False

    @property
    def remark(self) -> str:
        """What is remarkable about a run of it; empty for a run like every other."""
        words = ["tried again"] if self.attempt > 1 else ["caught up"] if self.late else []
        if self.missed:
            words.append(f"{self.missed} earlier slot{'s were' if self.missed > 1 else ' was'} missed")
        return "; ".join(words)


def slot_at(cron: str, now_ns: int) -> int | None:
    """The newest slot up to now; None when there never was one."""
    # the line is walked backwards from the next second on, so that a slot of this second counts
    found = next(CronSim(cron, utc_datetime(_whole(now_ns) + NANOSECONDS_PER_SECOND), reverse=True), None)
    return None if found is None else round(found.timestamp()) * NANOSECONDS_PER_SECOND


def slots_after(cron: str, after_ns: int) -> Iterator[int]:
    """The slots after a moment, in their order."""
    for found in CronSim(cron, utc_datetime(_whole(after_ns))):
        yield round(found.timestamp()) * NANOSECONDS_PER_SECOND


def jitter_ns(schedule: ScheduleConfig, network: str, slot_ns: int) -> int:
    """How much later than its slot a run begins: the same on every host and whenever it is asked."""
    digest = hashlib.sha256(f"{network}/{schedule.name}/{slot_ns}".encode()).digest()
    share = int.from_bytes(digest[:6], "big") / (1 << 48)
    return int(schedule.jitter_seconds * share) * NANOSECONDS_PER_SECOND


def next_due(schedule: ScheduleConfig, network: str, last: ScheduleRun, now_ns: int) -> Due | None:
    """What is to be run next, now or later, after the newest slot that was claimed; None when the line has ended."""
    newest = slot_at(schedule.cron, now_ns)
    over = newest is None or newest <= last.slot_ns
    if over and last.outcome == "interrupted" and last.attempt < ATTEMPTS and last.origin != "command":
        return Due(last.slot_ns, now_ns, attempt=last.attempt + 1, late=True)
    if newest is None or newest <= last.slot_ns:
        newest = next(slots_after(schedule.cron, max(now_ns, last.slot_ns)), None)
        return None if newest is None else Due(newest, newest + jitter_ns(schedule, network, newest))
    at_ns = newest + jitter_ns(schedule, network, newest)
    missed = sum(1 for slot in islice(slots_after(schedule.cron, last.slot_ns), MOST_COUNTED) if slot < newest)
    if now_ns > at_ns + round(ON_TIME_SECONDS * NANOSECONDS_PER_SECOND):
        return Due(newest, now_ns, missed, late=True)
    return Due(newest, at_ns, missed)


def first_seen(schedule: ScheduleConfig, network: str, now_ns: int, origin: RunOrigin) -> ScheduleRun:
    """What is kept of a schedule that is new, was off or has another cron line: it begins now, and misses nothing."""
    cron = schedule.cron if schedule.enabled else ""
    return ScheduleRun(network, schedule.name, now_ns, 0, cron, origin, now_ns, now_ns, "known")


def overdue(schedule: ScheduleConfig, network: str, last: ScheduleRun, now_ns: int) -> Due | None:
    """The slot that somebody should have begun by now and nobody did; None where none is, or one runs.

    A schedule whose line was changed since begins anew with whoever runs it, and is late for nothing before that.
    """
    if not schedule.enabled or last.outcome == "running" or last.cron != schedule.cron:
        return None
    due = next_due(schedule, network, last, now_ns)
    if due is None or due.attempt > 1:
        return None
    latest_ns = due.slot_ns + round((schedule.jitter_seconds + ON_TIME_SECONDS) * NANOSECONDS_PER_SECOND)
    return due if now_ns > latest_ns else None


def planned(schedule: ScheduleConfig, network: str, after_ns: int, count: int) -> tuple[int, ...]:
    """When the next runs will begin, jitter included."""
    return tuple(
        slot + jitter_ns(schedule, network, slot) for slot in islice(slots_after(schedule.cron, after_ns), count)
    )


def _whole(at_ns: int) -> int:
    return at_ns - at_ns % NANOSECONDS_PER_SECOND
