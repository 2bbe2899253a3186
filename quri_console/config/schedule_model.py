"""What a configuration says of schedules."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from quri_console.units import HOUR_SECONDS, TRILLION

if TYPE_CHECKING:
    from quri_console.config.model import Criticality

JobKind = Literal["poll", "backup", "verify", "rehearse", "ready", "retention", "seal", "report-daily", "report-weekly"]
WITH_CANISTERS: tuple[JobKind, ...] = ("backup", "ready")
"""The jobs that can be for some of the fleet."""
REPORTS: tuple[JobKind, ...] = ("report-daily", "report-weekly")
"""The jobs that people hear of where channels are named."""
COSTING: tuple[JobKind, ...] = ("backup",)
"""The jobs that have effects on canisters and cost them cycles."""


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    """One job that runs by itself."""

    name: str
    job: JobKind
    cron: str
    """Five fields, in UTC."""
    jitter_seconds: float = 0.0
    """A run begins up to that much later, by a share that is always the same for the same slot."""
    criticality: Criticality | None = None
    canisters: tuple[str, ...] = ()
    """Names; empty with no criticality: the whole fleet."""
    enabled: bool = True
    deadline_seconds: float = 6.0 * HOUR_SECONDS
    """A run that takes longer is ended."""
    folder: Path | None = None
    """Of `seal`: where the sealed files go."""
    channels: tuple[str, ...] = ()
    """Of reports: who is sent a summary, by the names of channels."""


@dataclass(frozen=True, slots=True)
class SchedulesConfig:
    """All schedules, and what holds for them together."""

    entries: tuple[ScheduleConfig, ...] = ()
    in_watch: bool = True
    """Whether `watch` runs them; False where timers of the system do."""
    production: bool = False
    """The written permit to back up canisters of a production network with nobody there."""
    max_cycles_per_day: int = TRILLION
    reason: str = ""
    """Stands before the reason of every operation that a schedule starts."""

    @property
    def active(self) -> tuple[ScheduleConfig, ...]:
        """Those that are on."""
        return tuple(entry for entry in self.entries if entry.enabled)
