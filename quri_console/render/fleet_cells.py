"""The fleet as rows of cells: a text, a semantic role, and a raw value to sort by."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.render.ages import NEVER, short_duration
from quri_console.render.cycles_window import day_text
from quri_console.render.escape import escape
from quri_console.render.fleet_look import FAR_HOURS, HOUR_NS, Look
from quri_console.render.fleet_words import (
    CHANGED,
    SHORT_HASH,
    cycles_change,
    is_old,
    module_changed,
    readiness_is_old,
)
from quri_console.render.grid import UNKNOWN, Cell, Column, Row
from quri_console.render.spark import spark
from quri_console.render.table import (
    ALERT_RANK,
    ALERT_ROLES,
    COLUMNS,
    CRITICALITY_RANK,
    HEALTH_RANK,
    HEALTH_ROLES,
    LONGEST_NAME,
    SPARK_SECONDS,
    SPARK_WIDTH,
    Role,
    cycles_text,
)
from quri_console.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from quri_console.monitor.fleet import CanisterView, FleetStatus

_Number = TypeVar("_Number", int, float)
# cells that many canisters have
_UNKNOWN, _BLANK, _NO_COPY = Cell(UNKNOWN, "muted"), Cell(""), Cell(NEVER, "status-warning", 0.0)
_HEALTH_CELLS = {level: Cell(level, role, float(HEALTH_RANK[level])) for level, role in HEALTH_ROLES.items()}
_ALERT_CELLS = {mark: Cell(mark, ALERT_ROLES.get(mark, "muted"), rank) for mark, rank in ALERT_RANK.items()}


def fleet_rows(
    fleet: FleetStatus, now_ns: int, *, columns: Sequence[Column] = COLUMNS, ascii_only: bool = False
) -> tuple[Row, ...]:
    """One row per canister in the order of `fleet`, cells in the order of `columns`; all text escaped."""
    return rows_of(fleet.canisters, columns, Look(now_ns, fleet.taken_at_ns, ascii_only=ascii_only))


def rows_of(views: Iterable[CanisterView], columns: Sequence[Column], look: Look) -> tuple[Row, ...]:
    """One row per canister."""
    makers = [_MAKERS[column.key] for column in columns]
    rows = []
    for view in views:
        old = is_old(view, look.now_ns)
        rows.append(Row(view.canister_id, tuple([make(view, look, old) for make in makers])))
    return tuple(rows)


@lru_cache(maxsize=4096)
def _name(name: str) -> str:
    return escape(name, limit=LONGEST_NAME)


@lru_cache(maxsize=4096)
def _cell_of_name(name: str) -> Cell:
    return Cell(_name(name), "plain", name)


def _name_cell(view: CanisterView, look: Look, old: bool) -> Cell:
    return _cell_of_name(view.name)


def _health_cell(view: CanisterView, look: Look, old: bool) -> Cell:
    return _HEALTH_CELLS[view.health.level]


def _status_cell(view: CanisterView, look: Look, old: bool) -> Cell:
    return _cell_of_status(view.status, old)


@lru_cache(maxsize=16)
def _cell_of_status(status: str | None, old: bool) -> Cell:
    if status is None:
        return _UNKNOWN
    role: Role = "plain" if status == "running" else "status-critical"
    return Cell(status, "stale" if old else role, status)


def _value_cell(old: bool, value: _Number | None, text: Callable[[_Number], str]) -> Cell:
    if value is None:
        return _UNKNOWN
    return Cell(text(value), "stale" if old else "plain", float(value))


def _cycles_cell(view: CanisterView, look: Look, old: bool) -> Cell:
    return _value_cell(old, view.cycles, cycles_text)


def _runway_text(seconds: float) -> str:
    return f"≈{short_duration(seconds)}"


def _burn_text(burn: float) -> str:
    return f"≈{cycles_text(round(burn))}"


def _runway_cell(view: CanisterView, look: Look, old: bool) -> Cell:
    return _value_cell(old, view.runway_seconds, _runway_text)


def _burn_cell(view: CanisterView, look: Look, old: bool) -> Cell:
    return _value_cell(old, view.burn_per_day, _burn_text)


def _change_cell(view: CanisterView, look: Look, old: bool) -> Cell:
    change = cycles_change(view)
    cell = _value_cell(old, change, lambda cycles: f"{'+' if cycles > 0 else ''}{cycles_text(cycles)}")
    if not change or cell.role == "stale":
        return cell
    return Cell(cell.text, "delta-up" if change > 0 else "delta-down", cell.sort)


def _freeze_cell(view: CanisterView, look: Look, old: bool) -> Cell:
    left = view.runway_seconds
    if left is not None and left <= 0 and not old:
        return Cell("now", "status-critical", left)
    return _value_cell(old, left, lambda seconds: _freeze_day(look.freezing_hour(seconds), look.taken_hour))


@lru_cache(maxsize=8192)
def _freeze_day(hour: int, taken_hour: int) -> str:
    return day_text(hour * HOUR_NS, taken_hour * HOUR_NS) if hour - taken_hour <= FAR_HOURS else ">100 y"


def _memory_cell(view: CanisterView, look: Look, old: bool) -> Cell:
    return _cell_of_memory(view.memory_bytes, old)


@lru_cache(maxsize=4096)
def _cell_of_memory(size: int | None, old: bool) -> Cell:
    return _value_cell(old, size, format_bytes)


def _module_cell(view: CanisterView, look: Look, old: bool) -> Cell:
    return _cell_of_module(view.module_hash, module_changed(view, look.now_ns))


@lru_cache(maxsize=4096)
def _cell_of_module(digest: bytes | None, changed: bool) -> Cell:
    if digest is None:
        return _UNKNOWN
    short = digest.hex()[:SHORT_HASH]
    if changed:
        return Cell(f"{short}{CHANGED}", "delta-changed", short)
    return Cell(short, "plain", short)


def _backup_cell(view: CanisterView, look: Look, old: bool) -> Cell:
    return _copy_cell(view.last_backup_at_ns, look)


def _verified_cell(view: CanisterView, look: Look, old: bool) -> Cell:
    return _copy_cell(view.verified_at_ns, look)


def _copy_cell(taken_at_ns: int | None, look: Look) -> Cell:
    if taken_at_ns is None:
        return _NO_COPY
    return Cell(look.age(taken_at_ns), "plain", float(taken_at_ns))


def _ready_cell(view: CanisterView, look: Look, old: bool) -> Cell:
    if view.ready is None or view.ready_at_ns is None:
        return _BLANK
    role: Role = "status-ok" if view.ready else "status-critical"
    long_ago = readiness_is_old(view, look.now_ns)
    return Cell("yes" if view.ready else "no", "stale" if long_ago else role, float(view.ready))


def _alert_cell(view: CanisterView, look: Look, old: bool) -> Cell:
    return _ALERT_CELLS[view.alert]


def _age_cell(view: CanisterView, look: Look, old: bool) -> Cell:
    text, sort = look.seen(view, old)
    if view.sampled_at_ns is None:
        return Cell(text, "muted", sort)
    return Cell(text, "stale" if old else "plain", sort)


def _trend_cell(view: CanisterView, look: Look, old: bool) -> Cell:
    since_ns = look.now_ns - SPARK_SECONDS * NANOSECONDS_PER_SECOND
    text = spark(view.cycles_series, SPARK_WIDTH, since_ns=since_ns, until_ns=look.now_ns, ascii_only=look.ascii_only)
    return Cell(text, "spark")


def _group_cell(view: CanisterView, look: Look, old: bool) -> Cell:
    return _cell_of_name(view.group) if view.group else _UNKNOWN


def _criticality_cell(view: CanisterView, look: Look, old: bool) -> Cell:
    return Cell(view.criticality, "plain", float(CRITICALITY_RANK[view.criticality]))


_MAKERS: Mapping[str, Callable[[CanisterView, Look, bool], Cell]] = {
    "name": _name_cell,
    "health": _health_cell,
    "status": _status_cell,
    "cycles": _cycles_cell,
    "runway": _runway_cell,
    "burn": _burn_cell,
    "change": _change_cell,
    "freeze": _freeze_cell,
    "memory": _memory_cell,
    "module": _module_cell,
    "backup": _backup_cell,
    "verified": _verified_cell,
    "ready": _ready_cell,
    "alert": _alert_cell,
    "age": _age_cell,
    "trend": _trend_cell,
    "group": _group_cell,
    "criticality": _criticality_cell,
}
