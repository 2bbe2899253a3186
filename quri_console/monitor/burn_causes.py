"""What cycles are burnt for: differences between the counters of `canister_metrics`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING

from quri_console.monitor.windows import Observed
from quri_console.units import format_cycles

if TYPE_CHECKING:
    # for its name only: headless commands that read history need no Candid
    from quri_console.ic.management.types import CyclesConsumed

_WORDS: Mapping[str, str] = {
    "ingress_induction": "ingress messages",
    "request_and_response_transmission": "calls between canisters",
    "http_outcalls": "HTTPS outcalls",
    "burned_cycles": "burned on purpose",
}


@dataclass(frozen=True, slots=True)
class CauseBurn:
    """What one cause burns: `cause` is the field of `CyclesConsumed`, `share` its part of all causes (0 to 1)."""

    cause: str
    per_day: float
    share: float

    @property
    def words(self) -> str:
        """The cause as people read it."""
        return _WORDS.get(self.cause, self.cause.replace("_", " "))


@dataclass(frozen=True, slots=True)
class BurnByCause:
    """The burn of a canister by cause, the largest first; causes that burnt nothing are not listed."""

    causes: tuple[CauseBurn, ...]
    per_day: float
    observed_seconds: float

    @property
    def text(self) -> str:
        """One line, such as `memory 300 B/day (60 %), instructions 200 B/day (40 %)`."""
        parts = (f"{c.words} {format_cycles(round(c.per_day))}/day ({c.share:.0%})" for c in self.causes)
        return ", ".join(parts).replace("%)", " %)") or "nothing is burnt"


def split_by_cause(counters: Iterable[tuple[int, CyclesConsumed]]) -> BurnByCause | None:
    """The burn by cause over (nanoseconds since 1970, counters since creation); None when too little was seen.

    Counters only go backwards when they began anew. How much was burnt before that is not known, so the
    interval is left out with its time, for every cause.
    """
    past = sorted(counters, key=lambda entry: entry[0])
    burnt: dict[str, int] = {}
    elapsed: dict[str, int] = {}
    whole_ns = 0
    for (from_ns, before), (to_ns, after) in pairwise(past):
        steps = _steps(before, after)
        if to_ns == from_ns or not steps or any(step < 0 for step in steps.values()):
            continue
        whole_ns += to_ns - from_ns
        for cause, step in steps.items():
            burnt[cause] = burnt.get(cause, 0) + step
            elapsed[cause] = elapsed.get(cause, 0) + to_ns - from_ns
    rates = {cause: Observed(amount, elapsed[cause]).per_day for cause, amount in burnt.items()}
    known = {cause: rate for cause, rate in rates.items() if rate is not None}
    return _by_cause(known, whole_ns) if known else None


def _steps(before: CyclesConsumed, after: CyclesConsumed) -> dict[str, int]:
    steps: dict[str, int] = {}
    for field in fields(after):
        earlier, later = getattr(before, field.name), getattr(after, field.name)
        # a network that does not count a cause says nothing of it, which is not zero
        if earlier is not None and later is not None:
            steps[field.name] = later - earlier
    return steps


def _by_cause(rates: Mapping[str, float], observed_ns: int) -> BurnByCause:
    total = sum(rates.values())
    listed: Sequence[tuple[str, float]] = sorted(rates.items(), key=lambda entry: (-entry[1], entry[0]))
    causes = tuple(CauseBurn(cause, rate, rate / total) for cause, rate in listed if rate > 0)
    return BurnByCause(causes, total, Observed(0, observed_ns).seconds)
