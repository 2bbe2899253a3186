"""The fleet as one immutable picture; cli and console show the same one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.config import Criticality
from quri_console.monitor.rules import HealthLevel, Rule

if TYPE_CHECKING:
    from quri_console.monitor.payers import PayerView

STALE_INTERVALS = 2
RunStatus = Literal["running", "stopping", "stopped"]

# How a value was obtained; "" before the first sample.
Origin = Literal["query", "update", "public", "blackhole", "imported", ""]
AlertMark = Literal["firing", "acked", "silenced", "pending", ""]
"""The most urgent that is true of a canister's alerts; "" when it has none."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that applies; `value` and `threshold` as they are shown, empty where the rule has none."""

    rule: Rule
    level: HealthLevel
    text: str
    value: str = ""
    threshold: str = ""
    measured: float | None = None
    """The value as a number, in the unit that `limit` is in; with it an alert clears later than it fired."""
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """The worst level of all rules that apply, and every finding, worst first."""

    level: HealthLevel
    findings: tuple[Finding, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every finding in words, worst first."""
        return tuple(finding.text for finding in self.findings)


@dataclass(frozen=True, slots=True)
class CanisterView:
    """One canister as last seen.

    Values are of `sampled_at_ns`; `attempted_at_ns` is the newest try, whose failure is `error`.
    Cycles are whole cycles, `idle_burn_per_day` in cycles per day, `burn_per_day` the estimate
    from the history (never below the idle burn), `runway_seconds` the time to the freezing limit
    at the pessimistic burn. None means not known.
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
    alert_burn_per_day: float | None = None
    """The pessimistic burn that the runway and alerts go by: the highest of 1.5, 4 and 14 days."""
    burn_is_idle_only: bool = False
    """Whether nothing was observed yet, so that both burns are what the network states."""
    snapshot_bytes: int | None = None
    """What its snapshots on chain take, which it pays for."""
    empty_seconds: float | None = None
    """Time to no cycles at all at the pessimistic burn."""
    interval_seconds: float = 60.0
    """Between two looks at it."""
    group: str = ""
    """The configured group that it belongs to; empty for none."""
    module_changed_at_ns: int | None = None
    """When its module was last seen to have changed, within a day."""
    verified_at_ns: int | None = None
    """When the newest copy was taken that somebody read again and found whole."""
    ready: bool | None = None
    """Whether it could be restored when somebody last asked, which was at `ready_at_ns`; None: nobody asked."""
    ready_at_ns: int | None = None
    alert: AlertMark = ""
    settings: str | None = None
    """Its settings as JSON, as the newest answer told them."""


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
    payers: tuple[PayerView, ...] = ()
    next_round_ns: int | None = None
    """When the next round begins, said only while nobody answers and rounds therefore come more seldom."""

    def canister(self, canister_id: str) -> CanisterView | None:
        """The canister of that id."""
        return next((view for view in self.canisters if view.canister_id == canister_id), None)


def is_stale(at_ns: int | None, now_ns: int, interval_seconds: float) -> bool:
    """Whether a value of that time is older than two intervals, or missing."""
    return at_ns is None or now_ns - at_ns > STALE_INTERVALS * interval_seconds * NANOSECONDS_PER_SECOND
