"""What the checks before a restore judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quri_console.effects.lockdown import Lockdown
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import (
    CanisterStatus,
    SettingsChange,
)
from quri_console.restore.bill import Balance


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checks judge. Sizes in bytes, times in seconds; None is what does not apply or was not told."""

    sender: Principal
    status: CanisterStatus
    snapshots: int
    balances: Sequence[Balance]
    backup_root_key_hash: bytes
    root_key_hash: bytes
    backup_label: str
    globals_known: bool
    lock_holder: str | None
    on_chain: bool = False
    """Whether the restore point is a snapshot on chain, which is loaded as it is."""
    safety: bool = True
    from_other_network: bool = False
    most_added_bytes: int = 0
    """How much more the canister stores at the restore's fullest moment."""
    cycles: int = 0
    max_cycles: int | None = None
    downtime_high_seconds: int = 0
    max_downtime_seconds: int | None = None
    free_bytes: int | None = None
    ahead_seconds: float = 0.0
    lockdown: Lockdown | None = None
    subnet: Principal | None = None
    source_subnet: Principal | None = None
    """Of the canister whose snapshot is loaded, where it is another."""
    source_controllers: tuple[Principal, ...] | None = None
    """Of that canister."""
    settings: SettingsChange | None = None
    settings_wanted: bool = False
    settings_known: bool = True
