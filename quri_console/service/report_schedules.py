"""What the history tells of schedules in a period: the slots that their cron lines named, and what was run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.config.schedule_model import ScheduleConfig
from quri_console.history import History
from quri_console.history.schedule_runs import ScheduleRun
from quri_console.history.schedule_views import SchedulePast
from quri_console.service.schedule_times import ON_TIME_SECONDS, slots_after
from quri_console.service.session import Session


@dataclass(slots=True)
class _Stretch:
    """A time in which a schedule was known with one cron line (empty: it was off); `end_ns` is no part of it."""

    cron: str
    from_ns: int
    end_ns: int


async def past_of_schedules(
    session: Session, history: History, since_ns: int, until_ns: int
) -> tuple[SchedulePast, ...]:
    """Every configured schedule, then those that only the history knows of this time. Raises HistoryUnusable."""
    network, entries = session.network.name, {entry.name: entry for entry in session.config.schedules.entries}
    # a slot of before the period may have been due in it
    from_ns = since_ns - max((_slack_ns(entry) for entry in entries.values()), default=0)
    noted = await history.schedule_runs.within(network, from_ns, until_ns)
    before = await history.schedule_runs.newest(network, from_ns)
    found = []
    for name in dict.fromkeys((*entries, *sorted(run.schedule for run in noted))):
        rows = {run for run in noted if run.schedule == name}
        runs = tuple(sorted((run for run in rows if run.outcome != "known"), key=_order))
        rows |= {before[name]} if name in before else set()
        if name in entries or runs:
            newest = await history.schedule_runs.of(network, name, 1)
            slots = _slots(sorted(rows, key=_order), entries.get(name), from_ns, until_ns)
            found.append(_past(name, entries.get(name), slots, runs, newest[0] if newest else None))
    return tuple(found)


def _order(run: ScheduleRun) -> tuple[int, int]:
    return run.slot_ns, run.attempt


def _slack_ns(entry: ScheduleConfig) -> int:
    return round((entry.jitter_seconds + ON_TIME_SECONDS) * NANOSECONDS_PER_SECOND)


def _past(
    name: str,
    entry: ScheduleConfig | None,
    slots_ns: tuple[int, ...] | None,
    runs: tuple[ScheduleRun, ...],
    last: ScheduleRun | None,
) -> SchedulePast:
    if entry is None:
        # how late its runs were allowed to be went with its configuration
        return SchedulePast(name, "", runs[-1].cron, "gone", 0, (), runs, last)
    slack_ns = _slack_ns(entry)
    return SchedulePast(name, entry.job, entry.cron, "on" if entry.enabled else "off", slack_ns, slots_ns, runs, last)


def _slots(
    rows: Sequence[ScheduleRun], entry: ScheduleConfig | None, from_ns: int, until_ns: int
) -> tuple[int, ...] | None:
    """The slots from `from_ns` on of the lines that the schedule had; None where nobody ever looked at it."""
    if not rows:
        return None
    stretches = _stretches(rows)
    if entry is not None and entry.enabled and entry.cron == stretches[-1].cron:
        # else its line was changed since, nobody knows when: nothing can be said of the time after
        stretches[-1].end_ns = until_ns + 1
    return tuple(slot for stretch in stretches for slot in _slots_in(stretch, from_ns))


def _stretches(rows: Sequence[ScheduleRun]) -> list[_Stretch]:
    found: list[_Stretch] = []
    for row in rows:
        if not found or found[-1].cron != row.cron:
            if found:
                found[-1].end_ns = row.slot_ns
            # `known` says that it begins then; a run says that its own slot was one
            found.append(_Stretch(row.cron, row.slot_ns + (row.outcome == "known"), 0))
        found[-1].end_ns = row.slot_ns + 1
    return found


def _slots_in(stretch: _Stretch, from_ns: int) -> Iterator[int]:
    if not stretch.cron:
        return iter(())
    after_ns = max(stretch.from_ns, from_ns) - 1
    return takewhile(lambda slot_ns: slot_ns < stretch.end_ns, slots_after(stretch.cron, after_ns))
