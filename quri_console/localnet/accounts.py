"""Who pays what: burn over time, charges, freezing and running dry (facts: cycles economics)."""

from __future__ import annotations

from collections.abc import Callable

from quri_console.clock import Clock
from quri_console.localnet import words
from quri_console.localnet.canister import Canister, Use
from quri_console.localnet.charges import Prices, elapsed_cost, freezing_limit, idle_cycles_burned_per_day

# What a canister pays with first: resource use may come from the reserved balance, everything else may not.
_FROM_RESERVED = frozenset({Use.MEMORY, Use.COMPUTE_ALLOCATION})


class Accounts:
    """Settles canisters' balances against the clock; what a canister owes is taken whenever somebody looks."""

    def __init__(self, prices: Prices, clock: Clock, run_dry: Callable[[Canister], None]) -> None:
        self.prices = prices
        self._clock = clock
        self._run_dry = run_dry

    def settle(self, canister: Canister) -> None:
        """Take what time has cost since the last look; a canister that cannot pay loses code, state and snapshots."""
        now_ns = self._clock.now_ns()
        elapsed_ns = now_ns - canister.charged_until_ns
        if elapsed_ns <= 0:
            return
        canister.charged_until_ns = now_ns
        storage = elapsed_cost(self.prices.storage_per_second(canister.charged_bytes), elapsed_ns)
        compute = elapsed_cost(self.prices.compute_per_second(canister.settings.compute_allocation), elapsed_ns)
        owed = storage + canister.unpaid_fraction
        canister.unpaid_fraction = owed - int(owed)
        due = int(owed) + int(compute)
        is_broke = due > canister.cycles + canister.reserved_cycles
        self.consume(canister, int(owed), Use.MEMORY)
        self.consume(canister, int(compute), Use.COMPUTE_ALLOCATION)
        if is_broke:
            canister.cycles = canister.reserved_cycles = 0
            self._run_dry(canister)

    def consume(self, canister: Canister, amount: int, use: Use) -> None:
        """Take `amount`, at most what is there."""
        from_reserved = min(canister.reserved_cycles, amount) if use in _FROM_RESERVED else 0
        from_main = min(canister.cycles, amount - from_reserved)
        canister.reserved_cycles -= from_reserved
        canister.cycles -= from_main
        canister.consumed[use] += from_reserved + from_main

    def require(self, canister: Canister, amount: int, doing: str = "") -> None:
        """Raise IC0207 unless `amount` can be taken without crossing the freezing limit."""
        missing = amount + self.effective_limit(canister) - canister.cycles
        if missing > 0:
            raise words.out_of_cycles(canister.id, missing, doing)

    def charge(self, canister: Canister, amount: int, use: Use, doing: str = "") -> None:
        """`require`, then `consume`."""
        self.require(canister, amount, doing)
        self.consume(canister, amount, use)

    def idle_per_day(self, canister: Canister) -> int:
        """`idle_cycles_burned_per_day` of the canister as it is now."""
        return idle_cycles_burned_per_day(self.prices, canister.charged_bytes, canister.settings.compute_allocation)

    def effective_limit(self, canister: Canister, extra_bytes: int = 0) -> int:
        """Freezing limit less the reserved balance, as if the canister held `extra_bytes` more."""
        idle = idle_cycles_burned_per_day(
            self.prices, canister.charged_bytes + extra_bytes, canister.settings.compute_allocation
        )
        return max(0, freezing_limit(idle, canister.settings.freezing_threshold) - canister.reserved_cycles)

    def is_frozen(self, canister: Canister) -> bool:
        """Whether the balance is below the effective freezing limit."""
        return canister.cycles < self.effective_limit(canister)
