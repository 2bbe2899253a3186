"""How the schedules fare: slots that nobody ran, runs that failed, and keys that work with nobody present."""

from __future__ import annotations

from collections.abc import AsyncIterator

from quri_console.clock import NANOSECONDS_PER_SECOND, utc_datetime
from quri_console.config.schedule_model import ScheduleConfig
from quri_console.history import History
from quri_console.history.schedule_runs import ScheduleRun
from quri_console.service.doctor import Diagnosis, Level
from quri_console.service.schedule_times import Due, first_seen, overdue
from quri_console.service.schedules import obstacles, unattended
from quri_console.service.session import Session
from quri_console.units import format_duration

_WHO = {
    True: "Is `quri-console watch` running? Start it, or install timers: `quri-console schedule install`.",
    False: "Are the timers on? `quri-console schedule install` says how they are installed and switched on.",
}
"""What to do about schedules that nobody runs, by `in_watch`."""


async def examine_schedules(session: Session, history: History) -> AsyncIterator[Diagnosis]:
    """Everything that `doctor` says of schedules; nothing where none is configured. Raises HistoryUnusable."""
    schedules, now_ns = session.config.schedules.active, session.clock.now_ns()
    if not schedules:
        return
    known = await history.schedule_runs.newest(session.network.name, now_ns)
    unseen = [schedule.name for schedule in schedules if schedule.name not in known]
    fine = True
    if unseen:
        fine = False
        text = f"nobody has looked at {', '.join(unseen)} yet: nobody runs the schedules"
        # timers say nothing before their first time has come
        level: Level = "critical" if session.config.schedules.in_watch else "warning"
        yield Diagnosis("schedules", level, text, _WHO[session.config.schedules.in_watch])
    for schedule in schedules:
        for diagnosis in _of_one(session, schedule, known.get(schedule.name), now_ns):
            fine = False
            yield diagnosis
    for remark in unattended(session):
        yield Diagnosis("unattended key", "warning", remark, "See `quri-console schedule --help`.")
    if fine:
        yield Diagnosis("schedules", "ok", f"{len(schedules)} schedules are on, and none is late or failed")


def _of_one(session: Session, schedule: ScheduleConfig, last: ScheduleRun | None, now_ns: int) -> list[Diagnosis]:
    step = f"`quri-console schedule explain {schedule.name}`"
    found = [Diagnosis("schedules", "warning", f"{schedule.name}: {why}", step) for why in obstacles(session, schedule)]
    if last is None:
        return found
    if last.outcome in ("failed", "interrupted"):
        text = f"{schedule.name} of {utc_datetime(last.slot_ns):%Y-%m-%d %H:%M} UTC {last.outcome}: {last.note}"
        found.append(Diagnosis("schedules", "critical", text, step))
    due = overdue(schedule, last.network, last, now_ns)
    if due is not None:
        found.append(
            Diagnosis("schedules", "critical", _late(schedule, due, now_ns), _WHO[session.config.schedules.in_watch])
        )
    return found


def _late(schedule: ScheduleConfig, due: Due, now_ns: int) -> str:
    text = (
        f"{schedule.name} was not run: it is late by {format_duration((now_ns - due.slot_ns) / NANOSECONDS_PER_SECOND)}"
    )
    return f"{text}, and {due.missed} before it {'were' if due.missed > 1 else 'was'} missed" if due.missed else text


async def late_schedules(session: Session, history: History) -> tuple[str, ...]:
    """What is said of each schedule whose time came and that nobody runs. Raises HistoryUnusable.

    Timers say nothing while they are off, so a schedule that is left to them counts from the first look at it.
    """
    network, now_ns, found = session.network.name, session.clock.now_ns(), []
    known = await history.schedule_runs.newest(network, now_ns)
    for schedule in session.config.schedules.active:
        last = known.get(schedule.name)
        if last is None or last.cron != schedule.cron:
            if not session.config.schedules.in_watch:
                await history.schedule_runs.put(first_seen(schedule, network, now_ns, "timer"))
            continue
        due = overdue(schedule, network, last, now_ns)
        if due is not None:
            found.append(_late(schedule, due, now_ns))
    return tuple(found)
