"""The fleet as rows of cells: a text, a semantic role, and a raw value to sort by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.monitor.fleet import CanisterView, FleetStatus
from quri_console.monitor.rules import HealthLevel
from quri_console.render.ages import age_seconds, short_age, short_duration
from quri_console.render.escape import escape
from quri_console.render.spark import spark
from quri_console.units import DAY_SECONDS, format_bytes, format_cycles

Role = Literal["plain", "muted", "stale", "status-ok", "status-warning", "status-critical", "status-unknown", "spark"]
SortValue = float | str
_Number = TypeVar("_Number", int, float)

UNKNOWN = "–"
SPARK_WIDTH = 12
SPARK_SECONDS = DAY_SECONDS
# what is not known sorts below everything that is
LOWEST = float("-inf")

_HEALTH_ROLES: dict[HealthLevel, Role] = {
    "ok": "status-ok",
    "warning": "status-warning",
    "critical": "status-critical",
    "unknown": "status-unknown",
}
_HEALTH_RANK: dict[HealthLevel, int] = {"ok": 0, "unknown": 1, "warning": 2, "critical": 3}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the fleet table; narrow screens drop those of the highest `priority` number first."""

    key: str
    title: str
    right: bool = False
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """What one cell shows, in which role, and what it is sorted by."""

    text: str
    role: Role = "plain"
    sort: SortValue = LOWEST


@dataclass(frozen=True, slots=True)
class Row:
    """One canister; `key` is its id, which selections hold on to."""

    key: str
    cells: tuple[Cell, ...]


COLUMNS = (
    Column("name", "Canister"),
    Column("health", "Health"),
    Column("status", "Status", priority=2),
    Column("cycles", "Cycles", right=True),
    Column("runway", "Runway", right=True),
    Column("burn", "Burn/day", right=True, priority=3),
    Column("memory", "Memory", right=True, priority=4),
    Column("backup", "Backup", right=True, priority=1),
    Column("age", "Seen", right=True),
    Column("trend", "24 h", priority=5),
)


def fleet_rows(fleet: FleetStatus, now_ns: int, *, ascii_only: bool = False) -> tuple[Row, ...]:
    """One row per canister in the order of `fleet`, cells in the order of COLUMNS; all text escaped."""
    return tuple(Row(view.canister_id, canister_cells(view, now_ns, ascii_only=ascii_only)) for view in fleet.canisters)


def canister_cells(view: CanisterView, now_ns: int, *, ascii_only: bool = False) -> tuple[Cell, ...]:
    """The cells of one canister in the order of COLUMNS."""
    return (
        Cell(escape(view.name), "plain", view.name),
        Cell(view.health.level, health_role(view.health.level), float(_HEALTH_RANK[view.health.level])),
        _status_cell(view),
        _value_cell(view, view.cycles, cycles_text),
        _value_cell(view, view.runway_seconds, lambda seconds: f"≈{short_duration(seconds)}"),
        _value_cell(view, view.burn_per_day, lambda burn: f"≈{cycles_text(round(burn))}"),
        _value_cell(view, view.memory_bytes, format_bytes),
        _backup_cell(view, now_ns),
        _age_cell(view, now_ns),
        _trend_cell(view, now_ns, ascii_only),
    )


def cycles_text(cycles: int) -> str:
    """Cycles in few characters; beyond what any canister could hold sensibly, as a power of ten."""
    return format_cycles(cycles) if abs(cycles) < 10**18 else f"{cycles:.1e}"


def health_role(level: HealthLevel) -> Role:
    """The role of a health level."""
    return _HEALTH_ROLES[level]


def _status_cell(view: CanisterView) -> Cell:
    if view.status is None:
        return Cell(UNKNOWN, "muted")
    role: Role = "plain" if view.status == "running" else "status-critical"
    return Cell(view.status, "stale" if view.stale else role, view.status)


def _value_cell(view: CanisterView, value: _Number | None, text: Callable[[_Number], str]) -> Cell:
    if value is None:
        return Cell(UNKNOWN, "muted")
    return Cell(text(value), "stale" if view.stale else "plain", float(value))


def _backup_cell(view: CanisterView, now_ns: int) -> Cell:
    if view.last_backup_at_ns is None:
        return Cell(short_age(None, now_ns), "status-warning")
    return Cell(short_age(view.last_backup_at_ns, now_ns), "plain", float(view.last_backup_at_ns))


def _age_cell(view: CanisterView, now_ns: int) -> Cell:
    if view.sampled_at_ns is None:
        return Cell(short_age(None, now_ns), "muted")
    role: Role = "stale" if view.stale else "plain"
    return Cell(short_age(view.sampled_at_ns, now_ns), role, -age_seconds(view.sampled_at_ns, now_ns))


def _trend_cell(view: CanisterView, now_ns: int, ascii_only: bool) -> Cell:
    since_ns = now_ns - SPARK_SECONDS * NANOSECONDS_PER_SECOND
    text = spark(view.cycles_series, SPARK_WIDTH, since_ns=since_ns, until_ns=now_ns, ascii_only=ascii_only)
    return Cell(text, "spark")
