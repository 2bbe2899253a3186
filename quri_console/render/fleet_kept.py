"""Rows that are kept from one picture of the fleet to the next: of a thousand canisters ten have changed."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from quri_console.render.fleet_cells import rows_of
from quri_console.render.fleet_words import cycles_change, is_old, module_changed, readiness_is_old
from quri_console.render.zone import zone_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quri_console.monitor.fleet import CanisterView
    from quri_console.render.fleet_look import Look
    from quri_console.render.grid import Column, Row

# every field that a cell is made of, but for those of which it shows an age or a difference; a test walks all fields
_fields = attrgetter(
    "name",
    "health.level",
    "status",
    "cycles",
    "runway_seconds",
    "burn_per_day",
    "memory_bytes",
    "module_hash",
    "ready",
    "ready_at_ns",
    "alert",
    "group",
    "criticality",
    "last_backup_at_ns",
    "verified_at_ns",
)


class KeptRows:
    """Makes the row of a canister anew only when something that it shows differs: a value, or the step of an age.

    Spark lines move with every moment, so a column of them is not for here.
    """

    def __init__(self) -> None:
        self._rows: dict[str, tuple[tuple[object, ...], Row]] = {}
        self._common: tuple[object, ...] = ()
        self.made = 0
        """How many rows were made so far."""

    def rows_of(self, views: Iterable[CanisterView], columns: Sequence[Column], look: Look) -> tuple[Row, ...]:
        """As `fleet_cells.rows_of`, with the very same rows as before where nothing differs."""
        common = (tuple(columns), look.ascii_only, look.exact_ages, look.taken_hour, zone_name(look.taken_ns))
        before = self._rows if common == self._common else {}
        self._common, self._rows, rows = common, {}, []
        for view in views:
            shown, kept = _shown(view, look), before.get(view.canister_id)
            if kept is None or kept[0] != shown:
                (row,) = rows_of([view], columns, look)
                kept = (shown, row)
                self.made += 1
            self._rows[view.canister_id] = kept
            rows.append(kept[1])
        return tuple(rows)


def _shown(view: CanisterView, look: Look) -> tuple[object, ...]:
    """All that a row is made of, with ages in the steps in which they are shown."""
    now_ns, old = look.now_ns, is_old(view, look.now_ns)
    return (
        old,
        _fields(view),
        cycles_change(view),
        None if view.runway_seconds is None else look.freezing_hour(view.runway_seconds),
        view.sampled_at_ns is None,
        look.seen(view, old),
        look.age(view.last_backup_at_ns),
        look.age(view.verified_at_ns),
        module_changed(view, now_ns),
        readiness_is_old(view, now_ns),
    )
