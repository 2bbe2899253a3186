"""The fleet as one immutable picture; cli and console show the same one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from quri_console.config import Criticality

HealthLevel = Literal["ok", "warning", "critical", "unknown"]
RunStatus = Literal["running", "stopping", "stopped"]

# How a value was obtained; "" before the first sample.
Origin = Literal["query", "update", "public", ""]


@dataclass(frozen=True, slots=True)
class Health:
    """The worst level of all rules that apply, and every reason, worst first."""

    level: HealthLevel
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CanisterView:
    """One canister as last seen.

    Values are of `sampled_at_ns`; `attempted_at_ns` is the newest try, whose failure is `error`.
    Cycles are whole cycles, `idle_burn_per_day` in cycles per day, `burn_per_day` the estimate
    from the history (never below the idle burn), `runway_seconds` the time to the freezing limit
    at that burn. None means not known.
    """

    name: str
    canister_id: str
    network: str
    criticality: Criticality
    status: RunStatus | None
    cycles: int | None
    reserved_cycles: int | None
    idle_burn_per_day: int | None
    burn_per_day: float | None
    freezing_limit: int | None
    runway_seconds: float | None
    memory_bytes: int | None
    module_hash: bytes | None
    controllers: tuple[str, ...]
    sampled_at_ns: int | None
    attempted_at_ns: int | None
    origin: Origin
    error: str | None
    latency_ms: float | None
    stale: bool
    health: Health
    last_backup_at_ns: int | None
    cycles_series: tuple[tuple[int, int], ...]
    """(nanoseconds since 1970, cycles), oldest first."""
    answering: bool = True
    """Whether the newest try got any answer."""


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """All configured canisters of one network at one moment; `interval_seconds` is the time between rounds."""

    network: str
    production: bool
    taken_at_ns: int
    interval_seconds: float
    canisters: tuple[CanisterView, ...]
    notice: str = ""
    """What the reader should know about the picture itself, such as why there was no round."""

    def canister(self, canister_id: str) -> CanisterView | None:
        """The canister of that id."""
        return next((view for view in self.canisters if view.canister_id == canister_id), None)
