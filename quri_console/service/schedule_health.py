"""How the schedules fare: slots that nobody ran, runs that failed, and keys that work with nobody present."""

from __future__ import annotations

from collections.abc import AsyncIterator

from quri_console.clock import NANOSECONDS_PER_SECOND, utc_datetime
from quri_console.config.schedule_model import ScheduleConfig
from quri_console.history import History
from quri_console.history.schedule_runs import ScheduleRun
from quri_console.service.doctor import Diagnosis
from quri_console.service.schedule_times import ON_TIME_SECONDS, next_due
from quri_console.service.schedules import obstacles, unattended
from quri_console.service.session import Session
from quri_console.units import format_duration


async def examine_schedules(session: Session, history: History) -> AsyncIterator[Diagnosis]:
    """Everything that `doctor` says of schedules; nothing where none is configured. Raises HistoryUnusable."""
    schedules, now_ns = session.config.schedules.active, session.clock.now_ns()
    if not schedules:
        return
    known = await history.schedule_runs.newest(session.network.name, now_ns)
    unseen = [schedule.name for schedule in schedules if schedule.name not in known]
    fine = True
    if unseen and session.config.schedules.in_watch:
        fine = False
        text = f"nobody has looked at {', '.join(unseen)} yet: nobody runs the schedules"
        yield Diagnosis("schedules", "critical", text, "Start `quri-console watch`, or install timers.")
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
    due = next_due(schedule, last.network, last, now_ns)
    late = 0.0 if due is None or last.outcome == "running" else (now_ns - due.slot_ns) / NANOSECONDS_PER_SECOND
    if due is not None and late > schedule.jitter_seconds + ON_TIME_SECONDS:
        text = f"{schedule.name} was not run: it is late by {format_duration(late)}"
        text += f", and {due.missed} before it were missed" if due.missed else ""
        found.append(Diagnosis("schedules", "critical", text, "Is `quri-console watch` running, or its timer on?"))
    return found
