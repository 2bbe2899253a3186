"""What a picture of the Cycles view is made of: the same request again would give the same picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.render.cycles_picture import columns_for
from quri_console.render.cycles_window import RANGES, USUAL_RANGE, Window, window_of
from quri_console.units import DAY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from quri_console.monitor.burn_report import CanisterBurn
    from quri_console.monitor.fleet import FleetStatus

BURNS_AT_ONCE = 100
"""Fleets that are larger are told the intervals of those canisters only that are looked at."""
BURN_SECONDS = 600
"""Forecasts change with the hour; so often they are read again."""
_FROM_ZERO_SECONDS = 7 * DAY_SECONDS
_POINTS_PER_COLUMN = 2


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator chose; `from_zero` is None while nobody chose the scale."""

    range_number: int = USUAL_RANGE
    from_zero: bool | None = None

    @property
    def label(self) -> str:
        """How far back the chart looks."""
        return RANGES[self.range_number].label

    @property
    def seconds(self) -> int:
        """How far back it looks, in seconds."""
        return RANGES[self.range_number].seconds

    @property
    def begins_at_zero(self) -> bool:
        """Over long times balances are seen from zero on; in an hour next to nothing would be seen so."""
        return self.seconds >= _FROM_ZERO_SECONDS if self.from_zero is None else self.from_zero


@dataclass(frozen=True, slots=True)
class ChartRequest:
    """Which canisters, when and how large; `sampled` and `burns` tell whether there is something new."""

    canisters: tuple[str, ...]
    window: Window
    height: int
    from_zero: bool
    sampled: tuple[int | None, ...]
    burns: int

    @property
    def points(self) -> int:
        """How many balances to ask for: two in a column, as fine as a line is drawn."""
        return self.window.past * _POINTS_PER_COLUMN


def request_of(
    fleet: FleetStatus, canisters: Sequence[str], wish: Wish, size: tuple[int, int], now_ns: int, *, burns: int
) -> ChartRequest:
    """The request for a chart of that width and height at a moment; `burns` counts how often they were read."""
    width, height = size
    views = [view for key in canisters if (view := fleet.canister(key)) is not None]
    with_future = any(view.cycles and view.burn_per_day for view in views)
    return ChartRequest(
        tuple(canisters),
        window_of(wish.seconds, columns_for(width), now_ns, with_future=with_future),
        height,
        wish.begins_at_zero,
        tuple(view.sampled_at_ns for view in views),
        burns,
    )


def wish_of(label: object, from_zero: object) -> Wish:
    """What was chosen in an earlier session, as far as it is still understood."""
    number = next((number for number, known in enumerate(RANGES) if known.label == label), USUAL_RANGE)
    return Wish(number, from_zero if isinstance(from_zero, bool) else None)


class BurnBook:
    """Forecasts as they were read last; `number` counts how often."""

    def __init__(self) -> None:
        self.burns: dict[str, CanisterBurn] = {}
        self.number = 0
        self._asked: tuple[str, ...] = ()
        self._asked_ns = 0

    def asks(self, fleet: FleetStatus, shown: Sequence[str], now_ns: int) -> tuple[str, ...]:
        """Of which canisters to read forecasts now; none while those that were asked for are fresh."""
        canisters = burns_wanted(fleet, shown)
        if canisters == self._asked and now_ns - self._asked_ns < BURN_SECONDS * NANOSECONDS_PER_SECOND:
            return ()
        self._asked, self._asked_ns = canisters, now_ns
        return canisters

    def take(self, burns: Iterable[CanisterBurn]) -> None:
        """Keep what was read."""
        self.burns.update({burn.canister_id: burn for burn in burns})
        self.number += 1


def burns_wanted(fleet: FleetStatus, shown: Sequence[str]) -> tuple[str, ...]:
    """Of which canisters to read forecasts, which cost more than all the rest."""
    if len(fleet.canisters) <= BURNS_AT_ONCE:
        return tuple(view.canister_id for view in fleet.canisters)
    return tuple(shown)
