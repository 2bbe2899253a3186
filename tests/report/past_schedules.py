"""A fixed past of schedules, for the facts of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quri_console.history.schedule_runs import RunOutcome, ScheduleRun
from quri_console.history.schedule_views import SchedulePast
from tests.report.moments import EVIL, HOUR, SECOND, ago


def run(name: str, hours: float, outcome: RunOutcome = "done", **values: Any) -> ScheduleRun:
    """A run of a slot so many hours before the end, begun at once and over a minute later."""
    begun = values.pop("begun", hours)
    usual: dict[str, Any] = {"origin": "watch", "ended_ns": ago(begun) + 60 * SECOND, "outcome": outcome}
    return ScheduleRun("ic", name, ago(hours), 1, cron="0 2 * * *", at_ns=ago(begun), **{**usual, **values})


def past(name: str, slots: Sequence[float] | None, *runs: ScheduleRun, **values: Any) -> SchedulePast:
    """A schedule with slots so many hours before the end; each may be a quarter of an hour late."""
    usual: dict[str, Any] = {
        "job": "backup", "cron": "0 2 * * *", "state": "on", "slack_ns": HOUR // 4, "last": runs[-1] if runs else None,
    }  # fmt: skip
    slots_ns = None if slots is None else tuple(ago(hours) for hours in slots)
    return SchedulePast(name, slots_ns=slots_ns, runs=runs, **{**usual, **values})


def schedules() -> tuple[SchedulePast, ...]:
    """One of every kind: failed, well, locked out and then forgotten, late, never looked at, off, gone."""
    return (
        past("backup-high", (31, 7), run("backup-high", 31), run("backup-high", 7, "failed", note=EVIL)),
        past("verify", (), job="verify", cron="0 4 * * MON", last=run("verify", 125)),
        past("ready", (45, 27, 15, 3), *(
            run("ready", hours, "skipped", note="lockdown is on: INC-42") for hours in (45, 27)), job="ready"),
        past("report-daily", (24, 0.1), run("report-daily", 24, begun=20), job="report-daily", cron="0 9 * * *"),
        past("rehearse", None, job="rehearse", cron="0 5 15 * *"),
        past("report-weekly", (), state="off", job="report-weekly"),
        past("old", (), run("old", 12, "interrupted", origin="command", note="the process that ran it is gone"),
             job="", state="gone", slack_ns=0),
    )  # fmt: skip
