"""What the Fleet view shows of the fleet, in which order, and the line that says so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from quri_console.render.escape import escape
from quri_console.render.fleet_kept import KeptRows
from quri_console.render.fleet_look import Look
from quri_console.render.grid import CELL_PADDING, LOWEST, Column, Row, sorted_rows
from quri_console.render.spans import Line, Span
from quri_console.render.table import COLUMNS, CRITICALITY_COLUMN, GROUP_COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quri_console.monitor.fleet import CanisterView, FleetStatus
    from quri_console.render.filtering import FleetFilter

UNLIMITED = 1 << 20
Grouping = Literal["", "criticality", "group"]
GROUPINGS: tuple[Grouping, ...] = ("", "criticality", "group")
# the detail draws the same, larger; and it would be written again with every picture
FLEET_COLUMNS = tuple(column for column in COLUMNS if column.key != "trend")
_GROUP_COLUMNS = {"criticality": CRITICALITY_COLUMN, "group": GROUP_COLUMN}
_LARGEST_FIRST = frozenset({"health", "burn", "memory", "alert", "criticality"})
"""Columns in which the largest is the worst: choosing one puts the worst on top."""
# how old a value is may be said of an old value, too
_NEVER_STALE = frozenset({"age", "backup", "verified", "ready"})


@dataclass(frozen=True, slots=True)
class FleetOrder:
    """By which column the table is sorted ("": as configured), and how it is grouped."""

    sort: str = ""
    descending: bool = False
    grouping: Grouping = ""

    def next_column(self) -> FleetOrder:
        """Sorted by the column after this one, its worst first; after the last one as configured."""
        keys = ["", *(column.key for column in columns_of(self.grouping))]
        following = keys[(keys.index(self.sort) + 1) % len(keys)] if self.sort in keys else ""
        return replace(self, sort=following, descending=following in _LARGEST_FIRST)

    def reversed(self) -> FleetOrder:
        """The same column the other way round."""
        return replace(self, descending=not self.descending)

    def next_grouping(self, *, groups: bool = True) -> FleetOrder:
        """Grouped by the next thing; by groups only where there are any."""
        known_groupings = [name for name in GROUPINGS if groups or name != "group"]
        place = known_groupings.index(self.grouping) if self.grouping in known_groupings else -1
        grouping = known_groupings[(place + 1) % len(known_groupings)]
        known = {column.key for column in columns_of(grouping)}
        return replace(self, grouping=grouping, sort=self.sort if self.sort in known else "")

    def within(self, fleet: FleetStatus) -> FleetOrder:
        """Without a grouping that the fleet does not have: nobody is in a group."""
        return self if self.grouping != "group" or has_groups(fleet.canisters) else replace(self, grouping="")

    @property
    def sorted_by(self) -> tuple[str, bool] | None:
        """For the table's header."""
        return (self.sort, self.descending) if self.sort else None


def remembered_order(sort: object, descending: object, grouping: object) -> FleetOrder:
    """The order that was kept, as far as there is such a column and such a grouping."""
    known: Grouping = next((name for name in GROUPINGS if name == grouping), "")
    if sort not in {column.key for column in columns_of(known)}:
        return FleetOrder(grouping=known)
    return FleetOrder(str(sort), bool(descending), known)


@dataclass(frozen=True, slots=True)
class FleetShown:
    """Columns and rows in their order; how many match of all, and how many critical ones are not shown."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    matching: int
    total: int
    hidden_critical: int


def columns_of(grouping: Grouping) -> tuple[Column, ...]:
    """The columns of the table; grouped, the second one is what it is grouped by."""
    if not grouping:
        return FLEET_COLUMNS
    return (FLEET_COLUMNS[0], _GROUP_COLUMNS[grouping], *FLEET_COLUMNS[1:])


def fleet_shown(
    fleet: FleetStatus,
    wanted: FleetFilter,
    order: FleetOrder,
    now_ns: int,
    *,
    keep: str | None = None,
    width: int = UNLIMITED,
    kept: KeptRows | None = None,
) -> FleetShown:
    """The rows that match, and that of the canister `keep` whatever it has become: the cursor stands on it.

    Columns that cannot fit `width` cells are left out, unless it is sorted by them. `kept` holds the rows of the
    picture before.
    """
    matching = [view for view in fleet.canisters if wanted.shows(view, now_ns)]
    shown = matching
    if wanted.active and keep is not None and all(view.canister_id != keep for view in matching):
        ids = {view.canister_id for view in matching} | {keep}
        shown = [view for view in fleet.canisters if view.canister_id in ids]
    order = order if not order.grouping or _tells_apart(shown, order.grouping) else replace(order, grouping="")
    columns = _may_fit(columns_of(order.grouping), width, order.sort)
    rows = (kept or KeptRows()).rows_of(shown, columns, Look(now_ns, fleet.taken_at_ns, exact_ages=False))
    hidden = _critical(fleet.canisters) - _critical(shown)
    return FleetShown(columns, _ordered(rows, columns, order), len(matching), len(fleet.canisters), hidden)


def has_groups(views: Iterable[CanisterView]) -> bool:
    """Whether any canister is in a configured group."""
    return any(view.group for view in views)


def _tells_apart(shown: Sequence[CanisterView], grouping: Grouping) -> bool:
    """Whether a column of what it is grouped by would say anything."""
    return grouping != "group" or not shown or has_groups(shown)


def _may_fit(columns: tuple[Column, ...], width: int, sort: str) -> tuple[Column, ...]:
    """Without those for which not even their titles leave room: a thousand cells of each need not be made."""
    fitting = list(columns)
    for column in sorted(columns, key=lambda column: column.priority, reverse=True):
        if column.priority == 0 or sum(len(one.title) + 2 * CELL_PADDING for one in fitting) <= width:
            break
        if column.key != sort:
            fitting.remove(column)
    return tuple(fitting)


def _critical(views: Sequence[CanisterView]) -> int:
    return sum(view.health.level == "critical" for view in views)


def _ordered(rows: tuple[Row, ...], columns: Sequence[Column], order: FleetOrder) -> tuple[Row, ...]:
    places = {column.key: place for place, column in enumerate(columns)}
    if order.sort in places:
        rows = _sorted(rows, places[order.sort], order.sort, descending=order.descending)
    if order.grouping:
        # sorting is stable, so within a group the order stays
        rows = sorted_rows(rows, 1, descending=order.grouping in _LARGEST_FIRST)
    return rows


def _sorted(rows: Sequence[Row], place: int, key: str, *, descending: bool) -> tuple[Row, ...]:
    """By raw values; behind what is fresh comes what is stale, and then what is not known."""
    unknown = [row for row in rows if row.cells[place].sort == LOWEST]
    known = [row for row in rows if row.cells[place].sort != LOWEST]
    stale = [row for row in known if key not in _NEVER_STALE and row.cells[place].role == "stale"]
    fresh = [row for row in known if key in _NEVER_STALE or row.cells[place].role != "stale"]
    return (
        *sorted_rows(fresh, place, descending=descending),
        *sorted_rows(stale, place, descending=descending),
        *unknown,
    )


def order_line(
    shown: FleetShown, wanted: FleetFilter, order: FleetOrder, visible: frozenset[str], marked: int = 0
) -> Line:
    """`3 of 1,000 shown: is:stale`, what that hides, and an order that the header cannot tell; empty: all as usual."""
    spans: list[Span] = []
    if wanted.problem:
        spans.append(Span(f"The filter is not used: {wanted.problem}", "status-warning"))
    elif wanted.active:
        spans.append(Span(f"{shown.matching:,} of {shown.total:,} shown: {escape(wanted.text, limit=40)}", "title"))
        if shown.hidden_critical:
            are = "is" if shown.hidden_critical == 1 else "are"
            spans.append(Span(f"{shown.hidden_critical:,} critical {are} hidden", "status-critical"))
        spans.append(Span("Esc shows all", "muted"))
    if marked:
        spans.append(Span(f"{marked:,} marked", "title"))
    if order.grouping:
        grouped = any(column.key == order.grouping for column in shown.columns)
        spans.append(Span(f"grouped by {order.grouping}{'' if grouped else ': none of these is in one'}", "muted"))
    if order.sort and order.sort not in visible:
        title = next(column.title for column in shown.columns if column.key == order.sort)
        spans.append(Span(f"sorted by {title}, which has no room here", "muted"))
    return _separated(spans)


def _separated(spans: Sequence[Span]) -> Line:
    parts: list[Span] = []
    for span in spans:
        parts += [Span(" · ", "muted"), span] if parts else [span]
    return tuple(parts)
