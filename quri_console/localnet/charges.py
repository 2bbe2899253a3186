"""What things cost: the fee table of a 13-node application subnet and the formulas over it.

Amounts are cycles. `time_scale` multiplies what a second costs (storage, compute allocation) as if those fees were
higher; idle burn and freezing limit follow from the fees and stay consistent with what is really taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.units import DAY_SECONDS, GIB, MIB

SNAPSHOT_BASE_INSTRUCTIONS = 2_000_000_000
SNAPSHOT_READ_BASE_INSTRUCTIONS = 5_000_000
SNAPSHOT_CHUNK_READ_BYTES = MIB
SNAPSHOT_CHUNK_UPLOAD_INSTRUCTIONS = 200_000_000
CHUNK_UPLOAD_INSTRUCTIONS = 200_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """Fees of a 13-node application subnet (documentation of August 2026)."""

    nodes: int = 13
    creation: int = 500_000_000_000
    compute_percent_second: int = 10_000_000
    storage_gib_second: int = 127_000
    update_message: int = 5_000_000
    instruction_32_bit: int = 1
    instruction_64_bit: int = 2
    ingress_message: int = 1_200_000
    ingress_byte: int = 2_000
    call: int = 260_000
    call_byte: int = 1_000
    time_scale: Fraction = field(default=Fraction(1))

    def storage_per_second(self, stored_bytes: int) -> Fraction:
        """Cycles that holding `stored_bytes` costs each second."""
        return self.time_scale * self.storage_gib_second * stored_bytes / GIB

    def compute_per_second(self, allocation_percent: int) -> Fraction:
        """Cycles that a compute allocation costs each second."""
        return self.time_scale * self.compute_percent_second * allocation_percent

    def instructions(self, count: int, *, is_64_bit: bool = False) -> int:
        """Cycles of executed instructions."""
        return count * (self.instruction_64_bit if is_64_bit else self.instruction_32_bit)

    def execution(self, instructions: int, *, is_64_bit: bool = False) -> int:
        """Cycles of one executed update message."""
        return self.update_message + self.instructions(instructions, is_64_bit=is_64_bit)

    def ingress(self, size_bytes: int) -> int:
        """Cycles of receiving one ingress message."""
        return self.ingress_message + self.ingress_byte * size_bytes

    def transmission(self, size_bytes: int) -> int:
        """Cycles of sending one call (or one response) to a canister."""
        return self.call + self.call_byte * size_bytes


def idle_cycles_burned_per_day(prices: Prices, stored_bytes: int, compute_allocation: int) -> int:
    """Cycles a day without any message; `stored_bytes` = max(memory allocation, memory usage)."""
    per_second = prices.storage_per_second(stored_bytes) + prices.compute_per_second(compute_allocation)
    return int(per_second * DAY_SECONDS)


def freezing_limit(idle_per_day: int, freezing_threshold_seconds: int) -> int:
    """Balance below which the canister freezes, before the reserved balance is counted."""
    return idle_per_day * freezing_threshold_seconds // DAY_SECONDS


def elapsed_cost(per_second: Fraction, elapsed_ns: int) -> Fraction:
    """Cost of `elapsed_ns` at a rate per second."""
    return per_second * elapsed_ns / NANOSECONDS_PER_SECOND
