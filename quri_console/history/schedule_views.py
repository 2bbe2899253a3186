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
