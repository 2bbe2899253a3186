"""What a repair did, or would do, as values."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.repository.check_report import Affected


@dataclass(frozen=True, slots=True)
class IndexRepair:
    """The index made anew. `unreadable` are packs whose own headers are damaged, by object, with the reason."""

    packs: int
    chunks: int
    fragments_before: int
    fragments_after: int
    added_packs: int
    """Packs that no readable fragment had named."""
    dropped_packs: int
    """Packs that fragments named although they are gone."""
    unreadable: tuple[tuple[str, str], ...]
    dry_run: bool


@dataclass(frozen=True, slots=True)
class PackRepair:
    """One damaged pack that was put away. `lost` are the chunks that nothing holds any more."""

    name: str
    why: str
    quarantine: str
    """Where it lies now; empty in a dry run."""
    saved_chunks: int
    saved_bytes: int
    lost: tuple[bytes, ...]
    affected: tuple[Affected, ...]
    """The items that need what is lost."""


@dataclass(frozen=True, slots=True)
class PacksRepair:
    """All packs that were looked at, and what became of the damaged ones."""

    read_packs: int
    repaired: tuple[PackRepair, ...]
    dry_run: bool

    @property
    def lost_chunks(self) -> int:
        """Chunks that nothing holds any more."""
        return len({chunk for pack in self.repaired for chunk in pack.lost})


@dataclass(frozen=True, slots=True)
class MarksRepair:
    """Damaged marks and notes beside sets that were put away: their objects, and the sets that got a hold instead."""

    put_away: tuple[str, ...]
    held_sets: tuple[str, ...]
    dry_run: bool
