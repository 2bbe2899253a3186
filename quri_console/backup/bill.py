"""What a backup costs the canister, estimated from its status; prices of a 13-node subnet (≈).

Facts: taking a snapshot and reading from it are charged as instructions, one cycle each; every call
pays for its ingress message. While a snapshot exists it is part of the canister's memory, so idle burn
and freezing limit rise with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.backup.interchange import SLICE_BYTES
from quri_console.ic.management.types import CanisterStatus
from quri_console.units import GIB

_TAKE_CYCLES = 2_000_000_000
_READ_CYCLES = 5_000_000
# 1.2 M a message and 2,000 a byte of its about 400
_INGRESS_CYCLES = 2_000_000
# status, stop, take, start, metadata, list before and after, delete
_OTHER_CALLS = 8
_STORAGE_CYCLES_PER_GIB_DAY = 10_972_800_000


@dataclass(frozen=True, slots=True)
class BackupBill:
    """An estimate in cycles; sizes in bytes. `storage_cycles_per_day` is what the snapshot adds while it exists."""

    snapshot_bytes: int
    calls: int
    cycles: int
    storage_cycles_per_day: int
    balance: int
    freezing_limit: int
    """The freezing limit while the snapshot exists."""

    @property
    def affordable(self) -> bool:
        """Whether the balance stays above the freezing limit as it will be."""
        return self.balance - self.cycles >= self.freezing_limit


def snapshot_bytes(status: CanisterStatus) -> int:
    """About how large a snapshot of this canister is: module, heap, stable memory, globals and chunk store."""
    metrics = status.memory_metrics
    parts = (
        metrics.wasm_binary_size,
        metrics.wasm_memory_size,
        metrics.stable_memory_size,
        metrics.global_memory_size,
        metrics.wasm_chunk_store_size,
    )
    if all(part is None for part in parts):
        # an older replica tells only the sum
        return status.memory_bytes
    return sum(part or 0 for part in parts)


def bill_of_backup(status: CanisterStatus) -> BackupBill:
    """What one backup of a canister with this status costs."""
    size = snapshot_bytes(status)
    reads = -(-size // SLICE_BYTES) + 2
    burn = storage_cycles_per_day(status, size)
    raised = burn * status.settings.freezing_threshold // 86_400
    return BackupBill(
        snapshot_bytes=size,
        calls=reads + _OTHER_CALLS,
        cycles=_TAKE_CYCLES + size + bill_of_reading(size, reads) + _OTHER_CALLS * _INGRESS_CYCLES,
        storage_cycles_per_day=burn,
        balance=status.cycles,
        freezing_limit=status.freezing_limit_cycles + raised,
    )


def bill_of_reading(size: int, reads: int) -> int:
    """What reading `size` bytes of a snapshot in so many calls costs, in cycles."""
    return size + reads * (_READ_CYCLES + _INGRESS_CYCLES)


def storage_cycles_per_day(status: CanisterStatus, size: int) -> int:
    """What storing `size` more bytes adds to this canister's idle burn, in cycles per day."""
    if status.idle_cycles_burned_per_day == 0:
        return 0  # a subnet that charges nothing
    price = size * _STORAGE_CYCLES_PER_GIB_DAY // GIB
    if not status.memory_bytes:
        return price
    # the canister's own burn tells its subnet's price; it also pays for other things, so this errs upwards
    return max(price, status.idle_cycles_burned_per_day * size // status.memory_bytes)
