"""How long the cycles of each canister last, as a table, the soonest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from quri_console.monitor.burn_report import CanisterBurn
from quri_console.monitor.forecast import Forecast
from quri_console.render.ages import short_duration
from quri_console.render.cycles_ahead import FAR_SECONDS, freeze_parts
from quri_console.render.escape import escape
from quri_console.render.grid import LOWEST, UNKNOWN, Cell, Column, Row, sorted_rows
from quri_console.render.table import cycles_text, health_role

if TYPE_CHECKING:
    from quri_console.monitor.fleet import CanisterView, FleetStatus

COLUMNS = (
    Column("name", "Canister"),
    Column("cycles", "Cycles", right=True),
    Column("burn", "Burn/day", right=True, priority=1),
    Column("runway", "Runway", right=True),
    Column("freezes", "Freezes", priority=2),
    Column("sure", "Forecasts right", priority=3),
    Column("unusual", "Unusual", priority=4),
)
Burns = Mapping[str, CanisterBurn]
"""What is known of the burn of canisters, by id."""
SORTED_BY = "runway"
_RUNWAY = next(index for index, column in enumerate(COLUMNS) if column.key == SORTED_BY)
_NAME_LIMIT = 60


def runway_rows(fleet: FleetStatus, burns: Burns, now_ns: int) -> tuple[Row, ...]:
    """A row for every canister; `burns` by canister id, as far as they are known yet."""
    rows = [_row(view, burns.get(view.canister_id), now_ns) for view in fleet.canisters]
    return sorted_rows(rows, _RUNWAY)


def _row(view: CanisterView, burn: CanisterBurn | None, now_ns: int) -> Row:
    role = "stale" if view.stale else "plain"
    return Row(
        view.canister_id,
        (
            Cell(escape(view.name, limit=_NAME_LIMIT), health_role(view.health.level), view.name),
            _cell(None if view.cycles is None else cycles_text(view.cycles), role, view.cycles),
            _cell(None if view.burn_per_day is None else f"≈{_burn(view)}", role, view.burn_per_day),
            _runway_cell(view),
            Cell(_freezes(view, burn, now_ns) or UNKNOWN, role),
            Cell(_sureness(view, burn), "muted"),
            Cell(escape(burn.anomaly) if burn is not None else "", "status-warning"),
        ),
    )


def _burn(view: CanisterView) -> str:
    return cycles_text(round(view.burn_per_day or 0))


def _cell(text: str | None, role: str, sort: float | None) -> Cell:
    return Cell(UNKNOWN, "muted") if text is None or sort is None else Cell(text, role, float(sort))


def _runway_cell(view: CanisterView) -> Cell:
    left = view.runway_seconds
    if left is None:
        return Cell(UNKNOWN, "muted", LOWEST)
    role = "stale" if view.stale else health_role(view.health.level)
    text = "frozen" if left <= 0 else ">100y" if left > FAR_SECONDS else f"≈{short_duration(left)}"
    return Cell(text, role, left)


def _freezes(view: CanisterView, burn: CanisterBurn | None, now_ns: int) -> str:
    """`Dec 7 ± 2 d`; an interval that lies otherwise stands for itself: `Dec 5 to Jan 3`."""
    day, interval = freeze_parts(view.runway_seconds, burn, now_ns)
    return f"{day} {interval}" if interval.startswith("±") else interval or day


def _sureness(view: CanisterView, burn: CanisterBurn | None) -> str:
    """How often earlier forecasts were right, or why there is none: `24 of 30`, `3 of 14 days`."""
    if burn is None or burn.cycles is None:
        return ""
    found = burn.forecast
    if isinstance(found, Forecast):
        return f"{found.inside} of {found.backtests}"
    return found.reason.split(": ", 1)[-1].removesuffix(" of history")
