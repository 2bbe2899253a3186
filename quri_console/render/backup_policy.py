"""How old copies may be: the newest copy of each canister against what its configuration allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.render.ages import age_seconds, short_duration

if TYPE_CHECKING:
    from quri_console.backup.summaries import BackupSummary

NANOSECONDS = float(NANOSECONDS_PER_SECOND)


@dataclass(frozen=True, slots=True)
class Allowed:
    """How old the newest copy of a canister may be; 0: it need not be backed up at all."""

    name: str
    canister_id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class NewestAge:
    """The newest copy of one canister; `backup` is the set that holds it, empty where there is none."""

    allowed: Allowed
    backup: str = ""
    seconds: float = 0.0

    @property
    def overdue(self) -> bool:
        """Whether it is older than it may be, or not there at all."""
        return self.allowed.seconds > 0 and (not self.backup or self.seconds > self.allowed.seconds)

    @property
    def words(self) -> str:
        """Its age beside what is allowed: `3d of 1d`; `none` without a copy."""
        if not self.backup:
            return "none"
        age = short_duration(self.seconds)
        return f"{age} of {short_duration(self.allowed.seconds)}" if self.allowed.seconds > 0 else age


def newest_ages(
    backups: Sequence[BackupSummary], network: str, allowed: Iterable[Allowed], now_ns: int
) -> Mapping[str, NewestAge]:
    """The newest undamaged copy of each canister's state on a network, by canister id; `backups` newest first."""
    found: dict[str, tuple[str, int]] = {}
    for backup in backups:
        if backup.network != network or backup.state == "damaged" or backup.forgotten_at is not None:
            continue
        for canister in backup.canisters:
            if canister.has_state:
                taken_ns = round(canister.taken_at.timestamp() * NANOSECONDS)
                if canister.canister_id not in found or taken_ns > found[canister.canister_id][1]:
                    found[canister.canister_id] = backup.name, taken_ns
    return {item.canister_id: _age(item, found.get(item.canister_id), now_ns) for item in allowed}


def _age(allowed: Allowed, newest: tuple[str, int] | None, now_ns: int) -> NewestAge:
    if newest is None:
        return NewestAge(allowed)
    return NewestAge(allowed, newest[0], age_seconds(newest[1], now_ns))
