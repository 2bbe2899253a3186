"""When a picture of the fleet is looked at, and how ages are said then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.render.ages import age_seconds, short_age
from quri_console.render.fleet_words import stepped_age
from quri_console.render.grid import LOWEST

if TYPE_CHECKING:
    from quri_console.monitor.fleet import CanisterView

HOUR_NS = 3600 * NANOSECONDS_PER_SECOND
FAR_HOURS = 100 * 365 * 24


@dataclass(frozen=True, slots=True)
class Look:
    """When a picture is looked at that was made at `taken_ns`.

    `exact_ages` for what is printed once; what stays on the screen shows ages in steps, and none while it is fresh.
    """

    now_ns: int
    taken_ns: int
    exact_ages: bool = True
    ascii_only: bool = False

    @property
    def taken_hour(self) -> int:
        """The hour since 1970 in which the picture was made; days of freezing are counted from it."""
        return self.taken_ns // HOUR_NS

    def freezing_hour(self, runway_seconds: float) -> int:
        """The hour since 1970 in which it ends that began when the picture was made; far away for what is endless."""
        hours = min(runway_seconds / 3600, FAR_HOURS + 1.0)
        return int(self.taken_ns / HOUR_NS + max(hours, 0.0))

    def age(self, at_ns: int | None) -> str:
        """Time since a moment."""
        return short_age(at_ns, self.now_ns) if self.exact_ages else stepped_age(at_ns, self.now_ns)

    def seen(self, view: CanisterView, old: bool) -> tuple[str, float]:
        """How long ago a canister was seen, and what that sorts by: in steps, both stand still between them."""
        at_ns = view.sampled_at_ns
        if at_ns is None:
            return self.age(None), LOWEST
        seconds = age_seconds(at_ns, self.now_ns)
        if self.exact_ages:
            return self.age(at_ns), -seconds
        fresh = not old and at_ns <= self.now_ns
        return ("", 0.0) if fresh else (self.age(at_ns), -1 - seconds // 60)
