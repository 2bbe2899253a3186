"""What the service log hears of scheduled runs: when they begin, how they end, and why one was skipped."""

from __future__ import annotations

from collections.abc import Mapping

from quri_console.clock import utc_datetime
from quri_console.config.log import LogLevel
from quri_console.history.schedule_runs import ScheduleRun
from quri_console.service.session import Session

_LEVELS: Mapping[str, LogLevel] = {"done": "info", "running": "info", "skipped": "warning", "interrupted": "warning"}


def log_begin(session: Session, run: ScheduleRun) -> None:
    """Write down that a run begins."""
    _log(session, run, "begins", "info")


def log_end(session: Session, run: ScheduleRun) -> None:
    """Write down how a run ended, or why it was skipped."""
    _log(session, run, run.outcome, _LEVELS.get(run.outcome, "error"))


def _log(session: Session, run: ScheduleRun, what: str, level: LogLevel) -> None:
    slot = f"{utc_datetime(run.slot_ns):%Y-%m-%d %H:%M} UTC"
    text = f"schedule {run.schedule} of {slot} {what}" + (f": {run.note}" if run.note else "")
    session.log.say("schedule", text, level, schedule=run.schedule, outcome=what, attempt=run.attempt, news=True)
