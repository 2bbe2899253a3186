"""What a subnet has to allocate, and whether a canister can pay for it (facts: cycles economics).

The network reserves cycles for storage once its subnet holds 750 GiB; this one
hands out no more than that, so that nothing is ever reserved.
"""

from __future__ import annotations

from quri_console.localnet import words
from quri_console.localnet.canister import Canister
from quri_console.localnet.messages import ErrorCode, Rejection
from quri_console.localnet.settings import Settings
from quri_console.localnet.subnet import Subnet
from quri_console.units import GIB

MEMORY_CAPACITY_BYTES = 750 * GIB
COMPUTE_CAPACITY_PERCENT = 299
"""Three of four cores, less what must stay free for canisters without an allocation."""


def check_settings(subnet: Subnet, canister: Canister, wanted: Settings) -> None:
    """Raise what the network says to allocations it cannot give (IC0101) or nobody pays for (IC0530, IC0531)."""
    if wanted.reserved_cycles_limit < canister.reserved_cycles:
        raise Rejection(
            ErrorCode.CANISTER_CONTRACT_VIOLATION,
            f"Cannot set the reserved cycles limit {wanted.reserved_cycles_limit} below the reserved cycles "
            f"balance of the canister {canister.reserved_cycles}.",
        )
    _check_capacity(subnet, canister, wanted)
    for name, code in (
        ("compute_allocation", ErrorCode.INSUFFICIENT_CYCLES_IN_COMPUTE_ALLOCATION),
        ("memory_allocation", ErrorCode.INSUFFICIENT_CYCLES_IN_MEMORY_ALLOCATION),
    ):
        if getattr(wanted, name) > getattr(canister.settings, name):
            _check_affordable(subnet, canister, wanted, name, code)


def _check_capacity(subnet: Subnet, canister: Canister, wanted: Settings) -> None:
    others = [other for other in subnet.canisters.values() if other is not canister]
    if wanted.compute_allocation > canister.settings.compute_allocation:
        free = COMPUTE_CAPACITY_PERCENT - sum(other.settings.compute_allocation for other in others)
        if wanted.compute_allocation > free:
            raise words.no_compute_capacity(wanted.compute_allocation, max(0, free))
    if wanted.memory_allocation > canister.settings.memory_allocation:
        left = MEMORY_CAPACITY_BYTES - sum(other.charged_bytes for other in others)
        if wanted.memory_allocation > left:
            raise words.subnet_full(wanted.memory_allocation, max(0, left))


def _check_affordable(subnet: Subnet, canister: Canister, wanted: Settings, name: str, code: ErrorCode) -> None:
    """Raising an allocation must not push the balance below the freezing limit."""
    before, canister.settings = canister.settings, wanted
    missing = subnet.accounts.effective_limit(canister) - canister.cycles
    canister.settings = before
    if missing > 0:
        raise Rejection(
            code,
            f"Cannot increase {name.replace('_', ' ')} to {getattr(wanted, name)} due to insufficient cycles. "
            f"At least {missing} additional cycles are required.",
        )
