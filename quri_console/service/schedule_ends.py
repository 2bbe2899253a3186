"""What became of a run that nobody saw end: its process is gone or lives on, or an operation of its does."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from quri_console.config.schedule_model import COSTING, ScheduleConfig
from quri_console.history import History
from quri_console.history.schedule_runs import ScheduleRun
from quri_console.service.schedule_jobs import run_reason
from quri_console.service.schedule_messages import tell
from quri_console.service.schedule_runs import job_files
from quri_console.service.session import Session


async def settle(session: Session, history: History, run: ScheduleRun, now_ns: int) -> ScheduleRun:
    """The run as it is: `running` while anything of it is, else how it ended, which is noted. Raises QuriError."""
    schedule = next((item for item in session.config.schedules.entries if item.name == run.schedule), None)
    if job_files(session, run.schedule).busy():
        return replace(run, outcome="running")
    state = "" if schedule is None else await _operation_state(session, schedule, run)
    if state == "running":
        return replace(run, outcome="running")
    if state == "done":
        ended = replace(
            run, outcome="done", ended_ns=now_ns, exit_code=0, note=_noted(run, "ended without whoever began it")
        )
    elif run.outcome == "interrupted":
        return run
    else:
        ended = replace(
            run, outcome="interrupted", ended_ns=now_ns, note=_noted(run, "the process that ran it is gone")
        )
        if schedule is not None:
            await tell(session, history, schedule, ended)
    await history.schedule_runs.put(ended)
    return ended


def _noted(run: ScheduleRun, what: str) -> str:
    return f"{run.note}; {what}" if run.note else what


async def _operation_state(session: Session, schedule: ScheduleConfig, run: ScheduleRun) -> str:
    """The state of the operation that a run started; empty when it started none."""
    if schedule.job not in COSTING:
        return ""
    from quri_console.service.following import operations

    reason = run_reason(session.config, schedule, run.slot_ns)
    found = await asyncio.to_thread(operations, session)
    return next((operation.state for operation in found if operation.reason == reason), "")
