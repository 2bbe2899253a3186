"""What a prune would do, as values: nothing here reads or changes a repository. Sizes in bytes, times in UTC."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from quri_console.repository.leftovers import Leftover
from quri_console.repository.removal_rules import Objection

DEFAULT_GRACE = timedelta(days=7)
DEFAULT_REPACK_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class SetRemoval:
    """A forgotten set whose own files (not its chunks) are deleted; `began` when an earlier prune began with it."""

    name: str
    size: int
    forgotten_at: datetime
    by: str
    reason: str
    began: bool = False

    @property
    def why(self) -> str:
        """In words."""
        if self.began:
            return "an interrupted prune has begun to remove it"
        said = f": {self.reason}" if self.reason else ""
        return f"forgotten {self.forgotten_at:%Y-%m-%d %H:%M} UTC by {self.by}{said}"


@dataclass(frozen=True, slots=True)
class WaitingSet:
    """A forgotten set that may be brought back until `until`."""

    name: str
    size: int
    until: datetime


@dataclass(frozen=True, slots=True)
class PackStep:
    """A pack that is deleted, marked or waits, and why."""

    id: bytes
    size: int
    why: str


@dataclass(frozen=True, slots=True)
class Repack:
    """A pack of which what is needed is written anew; both sizes are estimates from the frames it lies in."""

    id: bytes
    size: int
    live_bytes: int
    unneeded_bytes: int

    @property
    def why(self) -> str:
        """In words."""
        content = self.live_bytes + self.unneeded_bytes
        return f"{self.unneeded_bytes * 100 // content} % of it is needed by no backup"


class _Sized(Protocol):
    @property
    def size(self) -> int: ...


def _total(*groups: Iterable[_Sized]) -> int:
    return sum(item.size for group in groups for item in group)


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """All that a prune would do now, and what for."""

    now: datetime
    grace: timedelta
    repack_share: float
    refusals: tuple[Objection, ...] = ()
    """Why nothing is done at all."""
    kept_back: tuple[Objection, ...] = ()
    """Forgotten sets that must stay, and why."""
    sets: tuple[SetRemoval, ...] = ()
    waiting_sets: tuple[WaitingSet, ...] = ()
    unmarked: tuple[PackStep, ...] = ()
    marked: tuple[PackStep, ...] = ()
    deleted: tuple[PackStep, ...] = ()
    waiting_packs: tuple[PackStep, ...] = ()
    repacked: tuple[Repack, ...] = ()
    compacts_index: bool = False
    index_fragments: int = 0
    temporary_files: tuple[Leftover, ...] = ()
    notes: tuple[Leftover, ...] = ()
    gone_marks: tuple[bytes, ...] = ()
    """Packs that are marked and were deleted already."""
    unreadable_marks: tuple[str, ...] = ()
    """Lists of marked packs that cannot be read, and so mark nothing."""
    unindexed: tuple[bytes, ...] = ()
    """Packs that stay and that no index fragment names yet."""

    @property
    def freed_now_bytes(self) -> int:
        """What the files take that are deleted in this run; index fragments and marks of packs not counted."""
        repacked = self.repacked if self.hasty else ()
        return _total(self.sets, self.deleted, repacked, self.temporary_files, self.notes)

    @property
    def freed_later_bytes(self) -> int:
        """What later runs will free if nothing is needed again: all that is marked, or waits."""
        repacked = () if self.hasty else self.repacked
        return _total(self.marked, self.waiting_packs, self.waiting_sets, repacked)

    @property
    def rewritten_bytes(self) -> int:
        """About how much repacking writes before it frees anything."""
        return sum(item.live_bytes for item in self.repacked)

    @property
    def hasty(self) -> bool:
        """Whether nothing waits: packs are deleted in the run that finds them unneeded."""
        return self.grace <= timedelta(0)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        steps = (self.sets, self.unmarked, self.marked, self.deleted, self.repacked, self.temporary_files, self.notes)
        upkeep = (self.gone_marks, self.unreadable_marks, self.unindexed)
        return not (any(steps) or any(upkeep) or self.compacts_index)

    @property
    def deletes_for_good(self) -> bool:
        """Whether something goes that nobody can bring back, but for what interrupted writers left."""
        return bool(self.sets or self.deleted or (self.hasty and self.repacked))

    def refuse(self) -> None:
        """Raise the first of the refusals, if there is one: RefusedBySafetyRule."""
        for refusal in self.refusals:
            raise refusal.error()


@dataclass(frozen=True, slots=True)
class DamagedPack:
    """A pack that was left as it is because what is needed of it, or instead of it, cannot be read."""

    id: bytes
    why: str


@dataclass(frozen=True, slots=True)
class PruneResult:
    """What a prune did; `written_bytes` are the packs that repacking made."""

    plan: PrunePlan
    freed_bytes: int
    written_bytes: int
    new_packs: int
    damaged: tuple[DamagedPack, ...] = ()
