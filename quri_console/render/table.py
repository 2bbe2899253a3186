"""The columns of the fleet's table, and what its words and colours go by."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from quri_console.render.grid import Column
from quri_console.units import DAY_SECONDS, format_cycles

if TYPE_CHECKING:
    from quri_console.monitor.fleet import AlertMark
    from quri_console.monitor.rules import HealthLevel

Role = Literal["plain", "muted", "stale", "status-ok", "status-warning", "status-critical", "status-unknown", "spark"]

SPARK_WIDTH = 12
SPARK_SECONDS = DAY_SECONDS
LONGEST_NAME = 200

HEALTH_ROLES: dict[HealthLevel, Role] = {
    "ok": "status-ok",
    "warning": "status-warning",
    "critical": "status-critical",
    "unknown": "status-unknown",
}
HEALTH_RANK: dict[HealthLevel, int] = {"ok": 0, "unknown": 1, "warning": 2, "critical": 3}
CRITICALITY_RANK = {"high": 2, "medium": 1, "low": 0}
ALERT_ROLES: dict[AlertMark, Role] = {"firing": "status-critical", "pending": "status-warning"}
ALERT_RANK: dict[AlertMark, float] = {"": 0.0, "silenced": 1.0, "acked": 2.0, "pending": 3.0, "firing": 4.0}

COLUMNS = (
    Column("name", "Canister"),
    Column("health", "Health"),
    Column("status", "Status", priority=2),
    Column("cycles", "Cycles", right=True),
    Column("runway", "Runway", right=True),
    Column("burn", "Burn/day", right=True, priority=3),
    Column("change", "Δ 24 h", right=True, priority=5),
    Column("freeze", "Freezes", right=True, priority=6),
    Column("memory", "Memory", right=True, priority=8),
    Column("module", "Module", priority=9),
    Column("backup", "Backup", right=True, priority=1),
    Column("verified", "Verified", right=True, priority=7),
    Column("ready", "Ready", priority=10),
    Column("alert", "Alert", priority=4),
    Column("age", "Seen", right=True),
    Column("trend", "24 h", priority=11),
)
GROUP_COLUMN = Column("group", "Group")
CRITICALITY_COLUMN = Column("criticality", "Matters")


@lru_cache(maxsize=8192)
def cycles_text(cycles: int) -> str:
    """Cycles in few characters; beyond what any canister could hold sensibly, as a power of ten."""
    return format_cycles(cycles) if abs(cycles) < 10**18 else f"{cycles:.1e}"


def health_role(level: HealthLevel) -> Role:
    """The role of a health level."""
    return HEALTH_ROLES[level]
