"""A canister's balance, burn and events between two moments, as a chart needs them."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.monitor.series import HistoryEvent


@dataclass(frozen=True, slots=True)
class Balance:
    """Balances in a slice of time that ends at `at_ns` (nanoseconds since 1970): the last, lowest and highest."""

    at_ns: int
    cycles: int
    lowest: int
    highest: int


@dataclass(frozen=True, slots=True)
class Burnt:
    """What was burnt in one hour or day, over `seconds` of it; the rest was not seen, or held a top-up."""

    start_ns: int
    burnt: int
    seconds: float
    top_up_cycles: int = 0


@dataclass(frozen=True, slots=True)
class CyclesChart:
    """One canister from `since_ns` to `until_ns`, everything oldest first.

    Two balances that are more than `gap_ns` apart have a time between them that nobody saw. `slot_seconds` is
    the length of what each of `burnt` is about. The thresholds are those of the configuration, in cycles.
    """

    name: str
    canister_id: str
    since_ns: int
    until_ns: int
    gap_ns: int
    balances: tuple[Balance, ...]
    slot_seconds: int
    burnt: tuple[Burnt, ...]
    events: tuple[HistoryEvent, ...]
    warning_cycles: int
    critical_cycles: int
