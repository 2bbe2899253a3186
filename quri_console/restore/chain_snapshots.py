"""The snapshots that canisters have on chain, and whose each one is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from quri_console.clock import utc_datetime
from quri_console.ic.encoding.principal import Principal

Owner = Literal["safety", "leftover", "in use", "backup", "unknown"]


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whose a snapshot is; `kept_until_ns` since 1970, 0 where there is no such time."""

    owner: Owner
    operation: str = ""
    kept_until_ns: int = 0

    def expired(self, now_ns: int) -> bool:
        """Whether it is ours and not needed any more."""
        return self.owner == "leftover" or (self.owner == "safety" and 0 < self.kept_until_ns <= now_ns)


UNKNOWN_OWNER = Ownership("unknown")


@dataclass(frozen=True, slots=True)
class ChainSnapshot:
    """One snapshot on chain. `taken_at_ns` since 1970; `cycles_per_day` is what it adds to the idle burn, ≈."""

    id: bytes
    taken_at_ns: int
    size_bytes: int
    cycles_per_day: int
    ownership: Ownership


@dataclass(frozen=True, slots=True)
class CanisterSnapshots:
    """The snapshots of one canister, oldest first; `failure` says why they could not be read."""

    canister: Principal
    name: str
    snapshots: tuple[ChainSnapshot, ...] = ()
    failure: str = ""


@dataclass(frozen=True, slots=True)
class SnapshotsView:
    """What the network shows of the fleet's snapshots at one moment, since 1970."""

    network: str
    production: bool
    root_key_hash: bytes
    at_ns: int
    canisters: tuple[CanisterSnapshots, ...]


def whose(ownership: Ownership) -> str:
    """Whose a snapshot is, in words."""
    match ownership.owner:
        case "safety":
            until = f"{utc_datetime(ownership.kept_until_ns):%Y-%m-%d %H:%M:%S} UTC"
            return f"safety snapshot of {ownership.operation}, kept until {until}"
        case "leftover":
            return f"left over from {ownership.operation}"
        case "in use":
            return f"in use by {ownership.operation}"
        case "backup":
            return f"kept by {ownership.operation}"
        case "unknown":
            return "not made by any operation known here"
