"""What is told of schedules: when each comes, how it went; and what was written into the system's timers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quri_console.config.schedule_model import ScheduleConfig
from quri_console.history.schedule_runs import ScheduleRun

Change = Literal["written", "unchanged", "removed", "left alone"]


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """One schedule: what it does, when it comes next (nanoseconds since 1970), how it went (newest first)."""

    schedule: ScheduleConfig
    meaning: str
    canisters: tuple[str, ...]
    commands: tuple[tuple[str, ...], ...]
    next_ns: tuple[int, ...]
    runs: tuple[ScheduleRun, ...]
    obstacles: tuple[str, ...]
    """Why the next run will not be begun as things are."""
    spent_cycles: int = 0
    """What the runs of all schedules have cost on this day (UTC)."""
    most_cycles: int | None = None
    """What they may cost in a day; None for a job that costs none."""


@dataclass(frozen=True, slots=True)
class SchedulesView:
    """All schedules, and who runs them."""

    network: str
    now_ns: int
    schedules: tuple[ScheduleView, ...]
    runner: str
    """Who has the lease; empty when nobody does."""
    in_watch: bool
    spent_cycles: int
    """What the runs of this day (UTC) have cost."""
    most_cycles: int
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SchedulePast:
    """One schedule in a period, as the history tells it; times in nanoseconds since 1970."""

    name: str
    job: str
    """Empty for a schedule that the configuration has no more."""
    cron: str
    state: Literal["on", "off", "gone"]
    slack_ns: int
    """So much later than its slot a run may begin: its jitter, and what still counts as on time."""
    slots_ns: tuple[int, ...] | None
    """The slots while somebody looked after them, from a slack before the period to its end; None: nobody ever did."""
    runs: tuple[ScheduleRun, ...]
    """What was begun or ended in the period, and shortly before it, by slot; without `known` notes."""
    last: ScheduleRun | None
    """The newest run, whenever it was."""


@dataclass(frozen=True, slots=True)
class InstalledFile:
    """A file and what becomes of it; `text` is its whole content."""

    path: Path
    change: Change
    text: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Installation:
    """What is, or would be, changed, what is to be known, and what is left to do."""

    files: tuple[InstalledFile, ...]
    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
