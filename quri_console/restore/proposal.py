"""What would help a canister, as values: the remedies, and what was seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from quri_console.backup.browse import StoredCanister
from quri_console.restore.look import Looked
from quri_console.restore.points import RestorePoints

RemedyName = Literal["start", "top-up", "settings", "module", "snapshot", "backup", "create"]
Condition = Literal["running", "stopping", "stopped", "emptied", "deleted", "hidden"]
"""`emptied`: it has no code, as after its cycles ran out. `hidden`: this identity does not see its status."""

# How much of what a canister has now is lost by each, from nothing at all to everything, and then its id.
DESTRUCTIVE: Mapping[RemedyName, int] = {
    "start": 0,
    "top-up": 0,
    "settings": 1,
    "module": 2,
    "snapshot": 3,
    "backup": 3,
    "create": 4,
}
LOSES = (
    "nothing is lost",
    "settings change",
    "the code changes, memory is kept",
    "what was written since is lost",
    "its id, cycles and snapshots are gone already",
)


@dataclass(frozen=True, slots=True)
class Remedy:
    """One thing that can be done. `cycles` ≈ and what pays them; `downtime_seconds` ≈; None is what is not known."""

    name: RemedyName
    why: str
    command: str
    cycles: int | None
    paid_by_ledger: bool = False
    downtime_seconds: int | None = 0
    recommended: bool = False
    note: str = ""

    @property
    def destructive(self) -> int:
        """From 0, nothing is lost, to 4."""
        return DESTRUCTIVE[self.name]

    @property
    def loses(self) -> str:
        """What is lost by it, in words."""
        return LOSES[self.destructive]


@dataclass(frozen=True, slots=True)
class Proposal:
    """The remedies for a canister, least destructive first. Notes are untrusted text."""

    network: str
    canister: str
    name: str
    at_ns: int
    condition: Condition
    summary: str
    remedies: tuple[Remedy, ...]
    notes: tuple[str, ...] = ()

    @property
    def recommended(self) -> Remedy | None:
        """The one to begin with; None when nothing is seen to be wrong."""
        return next((remedy for remedy in self.remedies if remedy.recommended), None)


@dataclass(frozen=True, slots=True)
class Seen:
    """A canister as far as this identity sees it, its restore points, and its newest backup."""

    condition: Condition
    looked: Looked | None
    points: RestorePoints
    backup: StoredCanister | None
    notes: tuple[str, ...] = field(default=())
