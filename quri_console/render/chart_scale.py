"""The scale of balances beside a chart: exact for whatever a canister can hold, in as many digits as tell it apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from quri_console.units import BILLION, TRILLION

_LEAST_PART = 500
"""A change of less than this part of a balance is drawn as the small change it is."""
_MOST_DIGITS = 5
_HUGE = 10**18
_UNITS = ((TRILLION, "T"), (BILLION, "B"), (10**6, "M"), (10**3, "K"))


@dataclass(frozen=True, slots=True)
class Scale:
    """Balances (cycles) from the lower to the upper edge of a chart."""

    low: int
    high: int

    def level(self, cycles: int) -> float:
        """0 at the lower edge, 1 at the upper one. Whole numbers are divided, so that nothing is lost before."""
        return (cycles - self.low) / (self.high - self.low)

    def holds(self, cycles: int) -> bool:
        """Whether a balance can be drawn."""
        return self.low <= cycles <= self.high

    def labels(self, most: int) -> tuple[tuple[float, str], ...]:
        """(level, text) of at most that many round balances, never less than two."""
        step = _round_step(self.high - self.low, max(most, 2))
        first = -(-self.low // step) * step
        amounts = range(first, self.high + 1, step)
        digits = next((digits for digits in range(_MOST_DIGITS) if _is_exact(step, self.high, digits)), _MOST_DIGITS)
        return tuple((self.level(amount), _text(amount, self.high, digits)) for amount in amounts)


def scale_of(values: Iterable[int], limits: Iterable[int], *, from_zero: bool) -> Scale:
    """The scale for these balances, which has room for what is near them of `limits`."""
    known = list(values)
    low, high = min(known, default=0), max(known, default=0)
    if from_zero:
        high = max([high, *(limit for limit in limits if 2 * limit <= 3 * high)])
        return Scale(0, max(high + high // 20, 1))
    span = max(high - low, high // _LEAST_PART, 10)
    low = min(low, high - span)
    near = [limit for limit in limits if low - span <= limit <= high + span]
    low, high = min([low, *near]), max([high, *near])
    margin = max((high - low) // 20, 1)
    return Scale(max(low - margin, 0), high + margin)


def _round_step(span: int, most: int) -> int:
    """1, 2 or 5 of some power of ten, so that at most that many fit a span."""
    size: int = 10 ** max(len(str(span // most)) - 1, 0)
    steps = (size * factor for factor in (1, 2, 5, 10, 20))
    return next((step for step in steps if span // step + 1 <= most), size * 50)


def _unit(highest: int) -> tuple[int, str]:
    if highest >= _HUGE:
        return 10 ** (len(str(highest)) - 1), f"e{len(str(highest)) - 1}"
    return next(((size, f" {name}") for size, name in _UNITS if highest >= size), (1, ""))


def _is_exact(step: int, highest: int, digits: int) -> bool:
    parts: int = step * 10**digits
    return parts % _unit(highest)[0] == 0


def _text(amount: int, highest: int, digits: int) -> str:
    """The balance in the unit of the highest one; beyond what canisters hold, as a power of ten."""
    unit, name = _unit(highest)
    return f"{amount / unit:.{digits}f}{name}" if amount else "0"
